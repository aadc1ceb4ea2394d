"""Which columns are enumerations, and which values are known.

The known values are dbt's seeds, so load and marts use the same lists. An unknown value is stored like any other; it
is only counted as drift.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import cache

from pipelines.ccaip.tables import TABLES
from pipelines.home import REPOSITORY

SEEDS = REPOSITORY / "dbt_project" / "seeds"

_LISTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "call_types": ("call_type", ("calls.call_type", "calls.session_type", "calls.session_type_v2")),
    "call_statuses": ("status", ("calls.status",)),
    "fail_reasons": (
        "fail_reason",
        ("calls.fail_reason", "transfers.fail_reason", "participants.fail_reason"),
    ),
    "deflections": ("deflection", ("calls.deflection", "transfers.deflection")),
    "adapter_fail_codes": ("code", ("calls.adapter_fail_code", "participants.adapter_fail_code")),
    "transfer_statuses": ("status", ("transfers.status",)),
    "service_level_events": ("service_level_event", ("queue_durations.service_level_event",)),
    "queue_event_outcomes": ("event", ("queue_durations.event",)),
}
"""For each seed: its column of values, and the columns of calls (`table.column`) that contain them."""


def seed(name: str) -> Iterator[dict[str, str]]:
    """The rows of a seed, as text."""
    with (SEEDS / f"{name}.csv").open(newline="") as lines:
        yield from csv.DictReader(lines)


@cache
def known_words() -> dict[str, dict[str, frozenset[str]]]:
    """The known values by table and column. Numbers are text."""
    known: dict[str, dict[str, frozenset[str]]] = {name: {} for name in TABLES}
    for name, (word, places) in _LISTS.items():
        words = frozenset(row[word] for row in seed(name))
        for place in places:
            table, _, column = place.partition(".")
            known[table][column] = words
    return known


@cache
def final_statuses() -> frozenset[str]:
    """The statuses in which a call is over, as in the marts."""
    return frozenset(row["status"] for row in seed("call_statuses") if row["is_final"] == "true")
