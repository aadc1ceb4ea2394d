"""Random numbers that depend only on a seed, a purpose and a key, not on the order of calls.

What happens to request 17 or to call 4711 is the same for any number of threads, in any order, and with any other
faults enabled.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from random import Random
from typing import TypeVar

Drawn = TypeVar("Drawn")

_RANGE = 1 << 64


class Chance:
    """Random numbers for one purpose."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._seeded = blake2b(f"{seed} {purpose}\n".encode(), digest_size=8)

    def number(self, *about: object) -> int:
        """A number below 2⁶⁴: always the same for the same things."""
        drawn = self._seeded.copy()
        drawn.update(" ".join(map(str, about)).encode())
        return int.from_bytes(drawn.digest())

    def share(self, *about: object) -> float:
        """A number from 0 to below 1: always the same for the same things."""
        # divided as floats, numbers near the top would round to 1
        return (self.number(*about) >> 11) / (_RANGE >> 11)

    def random(self, *about: object) -> Random:
        """A generator for many numbers about the same things."""
        return Random(self.number(*about))


class Remembered(dict[int, Drawn]):
    """Call id → its random value, cached because `versions` needs all calls at each instant."""

    def __init__(self, draw: Callable[[int], Drawn]) -> None:
        super().__init__()
        self._draw = draw

    def __missing__(self, call_id: int) -> Drawn:
        drawn = self[call_id] = self._draw(call_id)
        return drawn


def struck(chance: Chance, share: float) -> Remembered[bool]:
    """The calls that a fault affects: a `share` (0 to 1) of all."""
    return Remembered(lambda call_id: chance.share(call_id) < share)
