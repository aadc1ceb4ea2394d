"""Random histories: what is loaded, in which loads, between which builds.

A history follows a small simulated centre, whose calls change from round to round, and adds rare events. Three in four of
its calls are dated some weeks earlier, so that what changes lies far apart, and callers call again within a week. Load ids are
in random order, some loads are interrupted and continue a round later, and there may be several loads between two
builds. Every named change happens in every history.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb

from simulator.centre import Centre
from tests.increments.changes import ARRAYS, CHANGES, Json, instant_text, shift
from tests.marts import dbt_raw

START = datetime(2026, 3, 6, 14, tzinfo=UTC)  # a Friday; New York changes its clocks on the Sunday
VANISHED = "call vanished"
ERASED = "vanished call erased"
RECOVERED = "recovered by a child call"
UNTOUCHED = 0.25
"""The share of changes that do not move `updated_at`."""
UNTOUCHED_EARLIER = 0.9
"""The same of calls dated earlier: many late updates would keep every interval provisional."""
EARLIER = (timedelta(0), timedelta(days=6), timedelta(days=12), timedelta(days=24))
"""How much earlier than in the simulation a call is dated, by its id."""
OTHER_RULES = ({"reporting_timezone": "Asia/Kathmandu"}, {"short_call_seconds": 300})


@dataclass(frozen=True)
class Load:
    """Calls of one load. `complete` is false if it was interrupted and is not in `_dlt_loads` yet."""

    load_id: str
    calls: Sequence[Json]
    complete: bool = True


@dataclass
class Round:
    """What happens up to `moment` (UTC), in this order; then a build, unless `is_built` is false."""

    moment: datetime
    loads: list[Load] = field(default_factory=list)
    vanished: list[int] = field(default_factory=list)
    erased: list[int] = field(default_factory=list)
    variables: dict[str, str | int] = field(default_factory=dict)
    is_built: bool = True
    is_full: bool = False
    changes: list[str] = field(default_factory=list)
    """Names of the changes, for failure messages."""


def history(seed: int, increments: int = 2) -> list[Round]:
    """The rounds of one history: a first build, then `increments` more, some after two rounds at once."""
    random = Random(seed)
    centre = Centre.simulate(
        seed, START, days=random.choice([0.8, 1.2]), calls_per_day=random.randrange(60, 110)
    )
    return list(_Writer(random, centre).rounds(increments))


class _Writer:
    def __init__(self, random: Random, centre: Centre) -> None:
        self.random = random
        self.centre = centre
        self.moment = START + timedelta(hours=random.choice([5, 12, 30]))
        self.calls: dict[int, Json] = {}
        self.cut: list[Load] = []
        self.load_ids = random.sample(range(1000, 9999), 60)

    def rounds(self, increments: int) -> Iterator[Round]:
        random = self.random
        names = [*CHANGES, VANISHED, ERASED, RECOVERED]
        random.shuffle(names)
        names += random.choices(names, k=len(names))  # most of them twice
        other_rules_at = random.choice([None, 1, 2])
        yield self._round([], is_full=random.random() < 0.5)
        for number in range(1, increments + 1):
            share, names = (
                names[: len(names) // (increments - number + 1)],
                names[len(names) // (increments - number + 1) :],
            )
            if random.random() < 0.3:
                half = len(share) // 2
                yield self._round(share[:half], is_built=False)
                share = share[half:]
            rules = random.choice(OTHER_RULES) if number == other_rules_at else {}
            yield self._round(share, variables=dict(rules))

    def _round(
        self, names: Sequence[str], *, is_built: bool = True, is_full: bool = False,
        variables: dict[str, str | int] | None = None,
    ) -> Round:  # fmt: skip
        now = Round(
            self.moment, is_built=is_built, is_full=is_full, variables=variables or {}, changes=list(names)
        )
        touched = {call["id"] for load in self.cut for call in load.calls}
        touched |= self._goes_on()
        for name in names:
            touched |= self._befalls(name, now)
        touched &= self.calls.keys()
        self._land(now, sorted(touched))
        self.moment += timedelta(hours=self.random.choice([2, 20, 50, 200]))
        return now

    def _goes_on(self) -> set[int]:
        """Calls that are new or changed in the simulation."""
        touched = set()
        for version in self.centre.versions(self.moment):
            body = copy.deepcopy(self.centre.body(version.call_id, self.moment))
            shift(body, -EARLIER[body["id"] % len(EARLIER)], "updated_at")
            known = self.calls.get(version.call_id)
            if known is None or known["updated_at"] < body["updated_at"]:
                self.calls[version.call_id] = body
                touched.add(version.call_id)
        return touched

    def _befalls(self, name: str, now: Round) -> set[int]:
        """Apply one change to one call, and return the ids of calls to load."""
        random = self.random
        call_id = random.choice(sorted(self.calls))
        if name in (VANISHED, ERASED):
            gone = now.vanished if name == VANISHED else now.erased
            gone.append(call_id)
            if name == ERASED:
                del self.calls[call_id]
            return set()
        call = self.calls[call_id] = copy.deepcopy(self.calls[call_id])
        is_earlier = bool(EARLIER[call_id % len(EARLIER)])
        if random.random() > (UNTOUCHED_EARLIER if is_earlier else UNTOUCHED):
            call["updated_at"] = instant_text(now.moment)
        if name != RECOVERED:
            CHANGES[name](call, random)
            return {call_id}
        child = copy.deepcopy(call) | {"id": max(900_000, *self.calls) + 1, "parent_id": call_id}
        child |= {"call_type": "Voice Callback (Web)", "created_at": instant_text(now.moment)}
        call["status"] = "recovered"
        self.calls[child["id"]] = child
        return {call_id, child["id"]}

    def _land(self, now: Round, touched: list[int]) -> None:
        random = self.random
        random.shuffle(touched)
        again = [
            Load(load.load_id, [self.calls[call["id"]] for call in load.calls if call["id"] in self.calls])
            for load in self.cut
        ]
        continued = {call["id"] for load in again for call in load.calls}
        touched = [call_id for call_id in touched if call_id not in continued]
        parts = random.randrange(1, 4)
        loads = [
            Load(
                f"load-{self.load_ids.pop()}",
                [copy.deepcopy(self.calls[call_id]) for call_id in touched[part::parts]],
            )
            for part in range(parts)
        ]
        self.cut = []
        if random.random() < 0.6:
            whole = loads.pop()
            cut = Load(
                whole.load_id, [call | self._without_children() for call in whole.calls], complete=False
            )
            self.cut.append(cut)
            loads.append(cut)
        now.loads = again + loads

    def _without_children(self) -> Json:
        """A call without some or all of its nested rows."""
        return {array: [] for array in ARRAYS if self.random.random() < 0.7}


def happen(database: Path, now: Round) -> None:
    """Load the calls of a round."""
    for load in now.loads:
        dbt_raw.land(database, load.load_id, load.calls, load.complete)
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for call_id in now.erased:
            dbt_raw.forget(connection, call_id)
        for call_id in now.vanished:
            connection.execute(
                "insert into ccaip.vanished_calls (call_id, noticed_at) values (?, ?)", [call_id, now.moment]
            )
        # The ledger's window: up to when data are loaded.
        connection.execute(
            "insert into ccaip.load_windows (window_id, attempt, why, window_from, window_until, started_at,"
            " finished_at, verdict) values (?, 1, 'tail', ?, ?, ?, ?, 'complete')",
            [now.moment.isoformat(), START - timedelta(days=40), now.moment, now.moment, now.moment],
        )
