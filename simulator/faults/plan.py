"""The plan of a storm: a seed → the faults of each request, by its number.

It is computed before the first request, so that a plan can be read, compared and repeated. At most three breaking
faults follow each other, whatever their probability, so that retries succeed.
"""

from __future__ import annotations

from collections.abc import Collection

from simulator.faults.chance import Chance
from simulator.faults.fault import BREAKING, QUIET, Fault

MOST_BROKEN_IN_A_ROW = 3
_LONGEST_SPELL = 8

Plan = tuple[frozenset[Fault], ...]
"""The faults of each request, in order: at most one that breaks the response."""


def plan(seed: int, faults: Collection[Fault], requests: int, probability: float) -> Plan:
    """The faults of `requests` requests.

    `probability` (0 to 1) is that of a breaking fault for one request, and about the share of requests with each of
    the others, which affect up to eight requests in a row.
    """
    quiet = [
        _spells(Chance(seed, f"plan {fault}"), requests, probability, fault)
        for fault in Fault
        if fault in faults and fault in QUIET | {Fault.MOVING}
    ]
    breaking = _breaking(Chance(seed, "plan"), requests, probability, faults)
    return tuple(frozenset().union(*each) for each in zip(breaking, *quiet, strict=True))


def _breaking(
    chance: Chance, requests: int, probability: float, faults: Collection[Fault]
) -> list[frozenset[Fault]]:
    options = [fault for fault in Fault if fault in faults and fault in BREAKING]
    planned: list[frozenset[Fault]] = []
    in_a_row = 0
    for number in range(requests):
        broken = bool(options) and in_a_row < MOST_BROKEN_IN_A_ROW and chance.share(number) < probability
        in_a_row = in_a_row + 1 if broken else 0
        planned.append(frozenset({chance.random("which", number).choice(options)} if broken else ()))
    return planned


def _spells(chance: Chance, requests: int, probability: float, fault: Fault) -> list[frozenset[Fault]]:
    planned: list[frozenset[Fault]] = []
    left = 0
    begins = probability / (_LONGEST_SPELL / 2) if probability < 1 else 1.0
    for number in range(requests):
        if not left and chance.share(number) < begins:
            left = chance.random("how long", number).randint(1, _LONGEST_SPELL)
        planned.append(frozenset({fault} if left else ()))
        left = max(0, left - 1)
    return planned
