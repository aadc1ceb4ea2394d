"""Which columns are enumerations, and which values are known.

Most lists are dbt's seeds, so load and marts use the same ones. Words that no mart needs are declared with their column
(`Column.words`). An unknown value is stored like any other; it is only counted as drift.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache

from pipelines import seeds
from pipelines.ccaip.tables import TABLES

_LISTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "call_types": ("call_type", ("calls.call_type", "calls.session_type", "calls.session_type_v2")),
    "call_statuses": ("status", ("calls.status",)),
    "fail_reasons": (
        "fail_reason",
        ("calls.fail_reason", "transfers.fail_reason", "participants.fail_reason"),
    ),
    "deflections": (
        "deflection",
        (
            "calls.deflection",
            "transfers.deflection",
            "virtual_agent_deflected_escalations.deflection",
            "deflection_details.deflection",
        ),
    ),
    "adapter_fail_codes": ("code", ("calls.adapter_fail_code", "participants.adapter_fail_code")),
    "transfer_statuses": ("status", ("transfers.status", "transfers.transfer_status")),
    "service_level_events": ("service_level_event", ("queue_durations.service_level_event",)),
    "queue_event_outcomes": ("event", ("queue_durations.event",)),
}
"""For each seed: its column of values, and the columns of calls (`table.column`) that contain them."""


def known_words() -> dict[str, dict[str, frozenset[str]]]:
    """The known values by table and column. Numbers are text."""
    return _known_words(os.environ.get(seeds.OWN_SEEDS_VARIABLE))


def final_statuses() -> frozenset[str]:
    """The statuses in which a call is over, as in the marts."""
    return _final_statuses(os.environ.get(seeds.OWN_SEEDS_VARIABLE))


@cache  # a process may work for one home after another
def _known_words(own: str | None) -> dict[str, dict[str, frozenset[str]]]:
    known: dict[str, dict[str, frozenset[str]]] = {name: {} for name in TABLES}
    for name, (word, places) in _LISTS.items():
        words = frozenset(row[word] for row in seeds.rows(name))
        for place in places:
            table, _, column = place.partition(".")
            known[table][column] = words
    for each in TABLES.values():
        known[each.name] |= {column.name: frozenset(column.words) for column in each.columns if column.words}
    known["calls"]["sub_status"] = frozenset(_sub_statuses(known["calls"]))
    return known


def _sub_statuses(known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """`Finished`, and `Finished: Disconnected by agent`."""
    for status in known["status"]:
        words = status.replace("_", " ").title()
        yield words
        for by in known["disconnected_by"]:
            yield f"{words}: {by.replace('_', ' ').capitalize()}"


def watched() -> Iterator[tuple[str, str]]:
    """Each column that is watched for new words (`table.column`), and where the known ones are from, in words."""
    lists = {place: name for name, (_, places) in _LISTS.items() for place in places}
    for table in TABLES.values():
        for column in table.columns:
            place = f"{table.name}.{column.name}"
            if place in lists:
                yield place, f"the seed `{lists[place]}`"
            elif column.words:
                yield place, ", ".join(f"`{word}`" for word in column.words)
            elif column.name in known_words()[table.name]:
                yield place, "a status, alone or with who hung up"


@cache
def _final_statuses(own: str | None) -> frozenset[str]:
    return frozenset(row["status"] for row in seeds.rows("call_statuses") if row["is_final"] == "true")
