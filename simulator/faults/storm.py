"""A storm: a seed and some faults → a platform with reproducible faults, which end.

    storm = Storm(7)
    with Platform(storm.over(source), clock=..., credentials=..., faults=storm.transport()) as platform:
        ...                                  # load from it
        storm.stop()                         # or wait for its last request

Its transport faults end after a number of requests. Its data faults depend on the platform's clock: `SETTLING` after
the source's last change nothing changes any more, and the stormy source then has the truth (`StormySource.truth`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import timedelta
from random import Random

from simulator.calls import CallSource
from simulator.faults.afterwards import Afterwards, Silent, correct, redact, shrink
from simulator.faults.bounds import Bounds
from simulator.faults.chance import Chance
from simulator.faults.crowded import Crowded
from simulator.faults.fault import ALL, Fault
from simulator.faults.handwriting import (
    Rewritten,
    missing_arrays,
    mixed_offsets,
    null_arrays,
    numeric_booleans,
    text_numbers,
    unknown_keys,
    unknown_values,
)
from simulator.faults.layer import Copied, Json
from simulator.faults.moving import Touched, Touches
from simulator.faults.plan import plan
from simulator.faults.stormy import StormySource
from simulator.faults.timing import Future, Late, Vanishing
from simulator.faults.transport import TransportFaults

_REWRITES: dict[Fault, Callable[[Json, Random], None]] = {
    Fault.UNKNOWN_KEYS: unknown_keys,
    Fault.UNKNOWN_VALUES: unknown_values,
    Fault.NULL_ARRAYS: null_arrays,
    Fault.MISSING_ARRAYS: missing_arrays,
    Fault.NUMERIC_BOOLEANS: numeric_booleans,
    Fault.TEXT_NUMBERS: text_numbers,
    Fault.OFFSETS: mixed_offsets,
}


class Storm:
    """Faults that are enabled together.

    `requests` is the number of responses that can be affected, `probability` that of a fault (0 to 1; at most three
    broken responses in a row). `share` is the share of calls affected by each data fault (0 to 1). Equal arguments
    give equal storms, except that concurrency decides the number of a request.
    """

    def __init__(
        self,
        seed: int,
        *,
        faults: Collection[Fault] = ALL,
        requests: int = 200,
        probability: float = 0.1,
        share: float = 0.1,
        bounds: Bounds | None = None,
    ) -> None:
        for name, value in (("probability", probability), ("share", share)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is from 0 to 1, not {value}")
        self.seed = seed
        self.faults = frozenset(faults)
        self.plan = plan(seed, self.faults, requests, probability)
        self._share = share
        self._bounds = bounds or Bounds()
        self._touches = Touches()
        self._transport = TransportFaults(seed, self.plan, self._bounds, self._touches)

    def transport(self) -> TransportFaults:
        """The faults of responses, for `Platform(faults=…)`. Use them for one platform at a time."""
        return self._transport

    def over(self, source: CallSource) -> StormySource:
        """The faults of calls: `source` with the storm's changes."""
        stormy: CallSource = Copied(source)
        if Fault.MOVING in self.faults:
            stormy = Touched(stormy, self._touches)
        if Fault.LATE in self.faults:
            stormy = Late(stormy, self._chance(Fault.LATE), self._share, self._bounds.late_seconds)
        stormy = self._changed_afterwards(stormy)
        silent = stormy if isinstance(stormy, Silent) else None
        for fault, rewrite in _REWRITES.items():
            if fault in self.faults and fault is not Fault.OFFSETS:
                stormy = Rewritten(stormy, self._chance(fault), self._share, rewrite)
        if Fault.FUTURE in self.faults:
            stormy = Future(stormy, self._chance(Fault.FUTURE), self._share)
        if Fault.OFFSETS in self.faults:
            stormy = Rewritten(stormy, self._chance(Fault.OFFSETS), self._share, mixed_offsets)
        vanishing = None
        if Fault.VANISHING in self.faults:
            stormy = vanishing = Vanishing(stormy, self._chance(Fault.VANISHING), self._share)
        return StormySource(stormy, self._touches, silent, vanishing)

    @property
    def struck(self) -> Counter[Fault]:
        """The number of responses affected by each fault so far."""
        return Counter(self._transport.struck)

    @property
    def ended(self) -> bool:
        """Whether no more responses will be affected."""
        return self._transport.ended

    def stop(self) -> None:
        """Affect no more responses. Changes of calls stay."""
        self._transport.stop()

    def _changed_afterwards(self, stormy: CallSource) -> CallSource:
        """Layers of later versions, silent ones last, because another change would reveal them."""
        if Fault.SHRINKING in self.faults:
            stormy = Afterwards(
                stormy,
                self._chance(Fault.SHRINKING),
                self._share,
                shrink,
                shortest=timedelta(minutes=1),
                longest=timedelta(hours=6),
            )
        if Fault.REDACTED in self.faults:
            stormy = Afterwards(
                stormy,
                self._chance(Fault.REDACTED),
                self._share,
                redact,
                shortest=timedelta(hours=1),
                longest=timedelta(hours=12),
            )
        if Fault.CROWDED in self.faults:
            stormy = Crowded(stormy, self._chance(Fault.CROWDED), self._bounds.crowd)
        if Fault.SILENT in self.faults:
            stormy = Silent(
                stormy,
                self._chance(Fault.SILENT),
                self._share,
                correct,
                shortest=timedelta(minutes=10),
                longest=timedelta(hours=6),
            )
        return stormy

    def _chance(self, fault: Fault) -> Chance:
        return Chance(self.seed, fault)
