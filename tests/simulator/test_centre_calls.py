"""Calls as the API shows them: live, complete in kind, and never changing behind `updated_at`."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from pipelines.ccaip.enumerations import known_words
from pipelines.ccaip.tables import TABLES
from simulator.centre import Centre
from simulator.centre.failures import CODES, MESSAGES

START = datetime(2026, 3, 2, 5, tzinfo=UTC)
Json = dict[str, Any]
Path = tuple[str, ...]

STATUSES = {
    "selecting", "queued", "assigned", "connecting", "connected", "finished", "failed", "switching",
    "recovered", "scheduled", "action_only", "action_only_finished", "deflected", "voicemail",
    "voicemail_received", "voicemail_read",
}  # fmt: skip
TYPES = {
    "Voice Inbound (IVR)", "Voice Inbound (App)", "Voice Callback (Web)", "Voice Scheduled (App)",
    "Voice Scheduled (Web)", "Voice Outbound",
}  # fmt: skip
ARRAYS = {table.array for table in TABLES.values() if table.parent == "calls"}


@pytest.fixture(scope="module")
def centre() -> Centre:
    return Centre.simulate(seed=5, start=START, days=4, calls_per_day=2500)


@pytest.fixture(scope="module")
def every_version(centre: Centre) -> list[Json]:
    """Every call at its end; each version of every eighth call, and of all that do something rare."""
    bodies = [centre.body(call_id, centre.last_change) for call_id in centre.call_ids()]
    rare = [
        body["id"]
        for body in bodies
        if body["status"] == "action_only_finished" or body["voip_provider"] != "voip_provider_twilio"
    ]
    for call_id in (*centre.call_ids()[::8], *rare):
        bodies.extend(centre.body(call_id, at) for at in _instants(centre, call_id))
    return bodies


def _instants(centre: Centre, call_id: int) -> list[datetime]:
    """When the call changed, found from outside: by asking backwards for its `updated_at`."""
    found, at = [], centre.last_change
    while True:
        try:
            updated = datetime.fromisoformat(centre.body(call_id, at)["updated_at"])
        except KeyError:
            return found[::-1]
        found.append(updated)
        at = updated - timedelta(seconds=1)


def test_a_status_never_occurred(every_version: list[Json]) -> None:
    assert {body["status"] for body in every_version} == STATUSES


def test_a_type_of_call_never_occurred(every_version: list[Json]) -> None:
    assert {body["call_type"] for body in every_version} == TYPES


def test_an_array_was_always_empty(every_version: list[Json]) -> None:
    seen = {key for body in every_version for key, value in body.items() if isinstance(value, list) and value}
    assert seen == ARRAYS
    assert any(row["redaction_times"] for body in every_version for row in body["recordings"])


def test_a_fail_reason_or_adapter_code_never_occurred(every_version: list[Json]) -> None:
    assert {body["fail_reason"] for body in every_version} == {"nothing", *CODES}
    codes = {body["adapter_fail_code"] for body in every_version} - {None}
    assert codes == set(MESSAGES)


def test_a_transfer_never_failed_or_never_came_back(every_version: list[Json]) -> None:
    transfers = [row for body in every_version for row in body["transfers"]]
    assert {row["status"] for row in transfers} == {"transferring", "transferred", "failed"}
    reasons = {row["fail_reason"] for row in transfers}
    assert reasons >= {"nothing", "eu_abandoned", "expired", "ag_ignored", "voip_conn_timeout"}
    legs = [(body, row) for body in every_version for row in body["handle_durations"]]
    assert {row["transfer_cold"] for _, row in legs} >= {True, False, None}
    assert any(row["to_virtual_agent"] for row in transfers)
    back = (
        row["agent_id"]
        in {other["agent_id"] for other in body["handle_durations"] if not other["transfer_id"]}
        for body, row in legs
        if row["transfer_id"]
    )
    assert any(back)


def test_a_child_had_no_parent(centre: Centre, every_version: list[Json]) -> None:
    children = [body for body in every_version if body.get("parent_id")]
    parents = {centre.body(body["parent_id"], centre.last_change)["status"] for body in children}
    assert parents >= {"recovered", "scheduled", "voicemail_read"}
    assert all(body["parent_id"] < body["id"] for body in children)


def test_the_json_had_a_key_that_no_table_declares(every_version: list[Json]) -> None:
    undeclared = {path for body in every_version for path in _undeclared("calls", body)}
    assert undeclared == set()


def test_the_json_had_a_word_that_callmart_would_tell_as_new(every_version: list[Json]) -> None:
    for table, columns in known_words().items():
        rows = (
            every_version
            if table == "calls"
            else [row for body in every_version for row in body.get(table, ())]
        )
        for column in TABLES[table].columns:
            if column.name in columns:
                *above, key = column.path
                holders = (row.get(above[0]) or {} for row in rows) if above else rows
                words = {str(holder[key]) for holder in holders if holder.get(key) is not None}
                assert words <= columns[column.name], (table, column.name)


def _undeclared(table: str, element: Json) -> Iterator[str]:
    paths, above, arrays = _declared(table)
    if () in paths:
        return  # the whole element is one JSON column
    for path, value in _leaves(element, paths):
        if len(path) == 1 and path[0] in arrays:
            for row in value:
                yield from _undeclared(arrays[path[0]], row)
        elif path not in paths and not (value is None and path in above):  # null: an object left out
            yield f"{table}: {'.'.join(path)}"


@cache
def _declared(table: str) -> tuple[set[Path], set[Path], dict[str, str]]:
    """The paths of a table's columns, the objects on the way to them, and the arrays below it."""
    columns = TABLES[table].columns
    paths = {path for column in columns for path in (column.path, *column.aliases)}
    above = {path[:length] for path in paths for length in range(1, len(path))}
    return paths, above, {child.array: child.name for child in TABLES.values() if child.parent == table}


def _leaves(element: Json, paths: set[Path], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, value in element.items():
        path = (*above, key)
        if isinstance(value, dict) and path not in paths:
            yield from _leaves(value, paths, path)
        else:
            yield path, value


def test_a_body_changed_although_updated_at_stood_still(centre: Centre) -> None:
    for call_id in centre.call_ids()[::397]:
        first = datetime.fromisoformat(centre.body(call_id, centre.last_change)["created_at"])
        moments = [
            first + timedelta(seconds=seconds) for seconds in (*range(0, 1500, 7), 5000, 90_000, 400_000)
        ]
        bodies = [centre.body(call_id, moment) for moment in moments]
        for before, after in itertools.pairwise(bodies):
            was, now = (datetime.fromisoformat(body["updated_at"]) for body in (before, after))
            assert was <= now
            if was == now:
                assert json.dumps(before) == json.dumps(after)
        assert all(
            datetime.fromisoformat(body["updated_at"]) <= moment
            for body, moment in zip(bodies, moments, strict=True)
        )


def test_versions_named_another_updated_at_than_the_body(centre: Centre) -> None:
    hours = (60.0, 9.1, 9.2, 30.3, 96.0, 33.0)  # back and forth: the answer must not depend on it
    for hour in hours:
        now = START + timedelta(hours=hour)
        versions = centre.versions(now)
        assert len({version.call_id for version in versions}) == len(versions)
        for version in list(versions)[::40]:
            shown = centre.body(version.call_id, now)["updated_at"]
            assert datetime.fromisoformat(shown) == version.updated_at <= now


def test_a_call_existed_before_it_began(centre: Centre) -> None:
    assert not centre.versions(START - timedelta(seconds=1))
    last = centre.call_ids()[-1]
    with pytest.raises(KeyError):
        centre.body(last, START)
    with pytest.raises(KeyError):
        centre.body(last + 1, centre.last_change)


def test_nothing_arrived_late(every_version: list[Json]) -> None:
    late = 0
    for body in every_version:
        if body["ends_at"] is not None:
            gap = datetime.fromisoformat(body["updated_at"]) - datetime.fromisoformat(body["ends_at"])
            late += gap > timedelta(minutes=15)
    assert late > 50


def test_a_quirk_of_the_vendor_was_missing(every_version: list[Json]) -> None:
    rows = [row for body in every_version for row in body["queue_durations"]]
    agents = [body["agent_info"]["agent_number"] for body in every_version if "agent_info" in body]
    assert {type(row["transfer"]) for row in rows} == {bool, int}
    assert {type(number) for number in agents} == {str, int, type(None)}
    assert {body["updated_at"][-1] for body in every_version} == {"Z", "0"}  # Z and -05:00
    assert any("id" not in row for row in rows)
    assert sum("event" in row for row in rows) < len(rows) / 10
    transfers = [row for body in every_version for row in body["transfers"]]
    assert any("from_menu" in row for row in transfers) and any("from_menu_path" in row for row in transfers)
    assert {row["service_level_event"] for row in rows} == {"in_sla", "not_in_sla", "excluded"}
    outbound = [body for body in every_version if body["call_type"] == "Voice Outbound"]
    assert not any(body["queue_durations"] for body in outbound)
    assert {row["menu_path_id"] for body in outbound for row in body["handle_durations"]} == {None}
    assert all(body["selected_menu"]["id"] != row["menu_path_id"] for body in every_version if body["selected_menu"]
               for row in body["queue_durations"])  # fmt: skip
