"""Calls at the edges of the definitions: numbers counted by hand, and the oracle's. All of them in one warehouse,
each in a queue, or with an agent, of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.marts import dbt_raw
from tests.oracle.building import REPORTING_TIMEZONE, Builder
from tests.oracle.compare import differences
from tests.oracle.raw import Json

NOON = "2025-06-10T12:00:00Z"
QUEUE_TIMEZONES = {
    109: "Asia/Kathmandu",
    110: "America/New_York",
    111: "America/New_York",
    112: "Australia/Lord_Howe",
    113: "Asia/Kathmandu",
    124: "Asia/Kathmandu",
}

_ids = count(1)


def _plus(at: str, seconds: int) -> str:
    return (dt.datetime.fromisoformat(at) + dt.timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def wait(queue: int, seconds: int, at: str = NOON, **fields: Any) -> Json:
    """An entry into a queue with T = 20 and S = 5."""
    return {
        "menu_path_id": queue,
        "menu_path": f"Queue {queue}",
        "queue_duration": seconds,
        "started_at": at,
        "ended_at": _plus(at, seconds),
        "service_level_target_time": 20,
        "service_level_target_percent": 80,
        "service_level_abandon_time_threshold": 5,
    } | fields


def work(queue: int, agent: int, talk: int, at: str = NOON, wrap_up: int = 0, **fields: Any) -> Json:
    """A handle row."""
    return {
        "menu_path_id": queue,
        "agent_id": agent,
        "call_duration": talk,
        "acw_duration": wrap_up,
        "started_at": at,
        "ended_at": _plus(at, talk + wrap_up),
    } | fields


def call(*waits: Json, handled: tuple[Json, ...] = (), at: str = NOON, **fields: Any) -> Json:
    """An inbound call that finished."""
    return {
        "id": next(_ids),
        "call_type": "Voice Inbound (IVR)",
        "lang": "en",
        "status": "finished",
        "fail_reason": "nothing",
        "created_at": at,
        "ends_at": _plus(at, 600),
        "updated_at": _plus(at, 700),
        "queue_durations": list(waits),
        "handle_durations": list(handled),
    } | fields


def answered(queue: int, seconds: int, at: str = NOON, **fields: Any) -> Json:
    """Answered after so many seconds."""
    row = wait(queue, seconds, at, agent_id=1000 + queue, **fields)
    return call(row, handled=(work(queue, 1000 + queue, 60, row["ended_at"]),), at=at)


def abandoned(queue: int, seconds: int, **fields: Any) -> Json:
    """Hung up after so many seconds in the queue."""
    return call(wait(queue, seconds, **fields), status="failed", fail_reason="eu_abandoned")


def edge_calls() -> Iterator[Json]:
    yield from (answered(101, 20), answered(101, 21))
    yield from (abandoned(102, 5), abandoned(102, 6), abandoned(102, 21))
    above = {"service_level_abandon_time_threshold": 30}
    yield from (answered(103, 1), abandoned(103, 25, **above))
    yield _transferred_back()
    yield call(
        wait(105, 3, agent_id=1105), handled=(work(105, 1105, 60),),
        status="failed", fail_reason="voip_conn_timeout",
    )  # fmt: skip
    yield call(wait(106, 8), status="failed", fail_reason="eu_canceled")
    yield call(wait(107, 3, event="answered"), handled=(work(107, 1107, 0, wrap_up=40),))
    yield call(
        wait(108, 3, agent_id=1108),
        handled=(work(108, 1108, 60), work(108, 2108, 30, barged=True)),
    )
    yield from (answered(109, 30, "2025-06-10T18:14:59Z"), answered(109, 1, "2025-06-10T18:15:00Z"))
    yield from (answered(110, 1, "2025-03-09T06:59:00Z"), answered(110, 1, "2025-03-09T07:00:00Z"))
    yield from (answered(111, 1, "2025-11-02T05:30:00Z"), answered(111, 1, "2025-11-02T06:30:00Z"))
    yield from (answered(112, 1, "2025-04-05T14:45:00Z"), answered(112, 1, "2025-04-05T15:15:00Z"))
    yield from (answered(113, 1, "2025-06-10T18:00:00Z"), answered(113, 30, "2025-06-10T18:20:00Z"))
    no_target: Json = {"service_level_target_time": None, "service_level_target_percent": None}
    yield from (answered(114, 1, **no_target), abandoned(114, 1, **no_target))
    yield call(wait(115, 9, event="abandoned"), handled=(work(115, 1115, 60),))
    yield call(wait(115, 9, event="something new"), handled=(work(115, 1115, 60),))
    yield call(wait(116, 9), wait(116, 4, _plus(NOON, 9), agent_id=1116), handled=(work(116, 1116, 60),))
    yield call(status="failed", fail_reason="eu_in_menu_abandoned",
               consumer_in_menu_durations=[{**wait(117, 0), "duration": 12}])  # fmt: skip
    yield call(wait(118, 9, menu_path_id=None), call_type="Voice Outbound")
    yield call(handled=(work(119, 1119, 100), work(119, 1119, 100, _plus(NOON, 50), transfer_id=7)))
    yield from (_at_local_midnight("2025-06-10T13:29:59Z"), _at_local_midnight("2025-06-10T13:30:00Z"))
    yield _between_virtual_agents()
    for user, later in ((1, 7 * 86400), (2, 7 * 86400 + 1)):
        at = "2025-06-01T12:00:00Z"
        yield call(wait(120 + user, 1), at=at, end_user={"id": user})
        yield call(wait(130, 1), at=_plus(at, later), end_user={"id": user})
    yield _transferred_within_a_second()
    late = "2025-12-31T12:00:00Z"
    yield call(wait(123, 9, late), status="queued", ends_at=None, at=late)
    yield call(wait(140, 9), status="queued", ends_at=None)
    wrap_up = work(141, 1141, 0, _plus(NOON, 4 * 3600), wrap_up=300)
    yield call(handled=(work(141, 1141, 600), wrap_up))
    copied, twice = wait(142, 9, id=1, agent_id=1142), work(142, 1142, 60, id=2)
    yield call(copied, copied, handled=(twice, twice | {"id": 3}, twice))
    yield call(at="2026-01-01T00:00:00Z")  # the data reach far enough for everything above to be final


def _transferred_back() -> Json:
    """Agent 1104 to the queue and, after a second wait, to agent 1104 again."""
    second = _plus(NOON, 103)
    leg = {"transfer_id": 55, "transfer_cold": True}
    return call(
        wait(104, 3, agent_id=1104),
        wait(104, 15, second, agent_id=1104, **leg),
        handled=(
            work(104, 1104, 100, _plus(NOON, 3)),
            work(104, 1104, 50, _plus(second, 15), **leg),
            work(104, 1104, 0, _plus(second, 65), wrap_up=9, **leg),
        ),
        transfers=[
            {"id": 55, "status": "transferred", "fail_reason": "nothing", "created_at": second,
             "from_agent": {"id": 1104}, "to_agent": {"id": 1104}}
        ],
    )  # fmt: skip


def _transferred_within_a_second() -> Json:
    """Agent 1125 transfers to queue 126, and takes the call there in the same second."""
    second, leg = _plus(NOON, 60), {"transfer_id": 57, "transfer_cold": 0}
    transfer = {"id": 57, "status": "transferring", "created_at": second, "from_agent": {"id": 1125}}
    return call(handled=(work(125, 1125, 60), work(126, 1125, 30, second, **leg)), transfers=[transfer])


def _at_local_midnight(at: str) -> Json:
    return call(handled=(work(124, 1124, 60, at),), at=at)


def _between_virtual_agents() -> Json:
    """One virtual agent hands the call to another; nobody asks for a person."""
    second = _plus(NOON, 60)
    sessions = [
        {"virtual_agent": {"id": 901}, "call_duration": 60, "started_at": NOON, "ended_at": second},
        {"virtual_agent": {"id": 902}, "call_duration": 30, "started_at": second, "transfer_id": 56},
    ]
    return call(
        virtual_agent_handle_durations=sessions,
        transfers=[
            {"id": 56, "status": "transferred", "fail_reason": "nothing", "created_at": second,
             "from_virtual_agent": {"id": 901}, "to_virtual_agent": {"id": 902}}
        ],
    )  # fmt: skip


@dataclass(frozen=True)
class Marts:
    """The warehouse of all cases."""

    database: Path
    calls: list[Json]

    def ask(self, columns: str, mart: str, condition: str) -> list[tuple[Any, ...]]:
        """Columns of some rows, in order."""
        query = f"select {columns} from marts.{mart} where {condition} order by all"
        return [tuple(row.values()) for row in dbt_raw.rows(self.database, query)]

    def day(self, queue: int, columns: str) -> list[tuple[Any, ...]]:
        """Columns of a queue's days."""
        return self.ask(columns, "mart_queue_days", f"queue_id = {queue}")

    def work(self, agent: int, columns: str) -> list[tuple[Any, ...]]:
        """Columns of an agent's days."""
        return self.ask(columns, "mart_agent_handle_time", f"agent_id = {agent}")


@pytest.fixture(scope="module")
def marts(builder: Builder) -> Iterator[Marts]:
    calls = list(edge_calls())
    built = Marts(builder.build("edges", calls, QUEUE_TIMEZONES), calls)
    with dbt_raw.held_open(built.database):
        yield built


def test_the_oracle_counts_every_case_as_the_marts_do(marts: Marts) -> None:
    found = differences(
        marts.database, marts.calls, reporting_timezone=REPORTING_TIMEZONE, queue_timezones=QUEUE_TIMEZONES
    )
    assert not found, "\n".join(found)


def test_a_wait_of_exactly_the_target_is_within_it(marts: Marts) -> None:
    assert marts.day(101, "answered, answered_in_sl, service_level") == [(2, 1, 0.5)]


def test_hanging_up_at_exactly_the_threshold_is_short(marts: Marts) -> None:
    parts = "abandoned, short_abandoned, abandoned_in_sl, abandoned_after_target, abandonment_rate"
    assert marts.day(102, parts) == [(3, 1, 1, 1, 1.0)]


def test_a_threshold_above_the_target_keeps_late_abandons_short(marts: Marts) -> None:
    parts = "short_abandoned, abandoned_in_sl, abandoned_after_target, service_level, service_level_abandons_ignored"
    assert marts.day(103, parts) == [(1, 0, 1, 1.0, 0.5)]


def test_a_transfer_back_to_the_first_agent_is_two_waits_and_two_contacts(marts: Marts) -> None:
    assert marts.day(104, "offered, answered, answered_wait_seconds") == [(2, 2, 18)]
    parts = "handled_segments, handled_calls, handle_seconds, transfers_out, cold_transfers_out"
    assert marts.work(1104, parts) == [(2, 1, 159, 1, 1)]


def test_a_transfer_leaves_the_leg_before_it_even_within_one_second(marts: Marts) -> None:
    parts = "queue_id, transfers_out, warm_transfers_out"
    rows = marts.ask(parts, "mart_queue_handle_time", "queue_id in (125, 126) and interval_minutes = 15")
    assert rows == [(125, 1, 1), (126, 0, 0)]


def test_a_call_that_fails_after_it_was_answered_stays_answered(marts: Marts) -> None:
    assert marts.day(105, "answered, failed") == [(1, 0)]


def test_hanging_up_while_it_rings_is_an_abandon_told_apart(marts: Marts) -> None:
    assert marts.day(106, "abandoned, ringing_abandoned, failed") == [(1, 1, 0)]


def test_wrap_up_alone_adds_seconds_but_no_contact(marts: Marts) -> None:
    assert marts.work(1107, "handled_segments, acw_seconds, average_handle_time") == [(0, 40, None)]


def test_listening_in_is_neither_contact_nor_handle_time(marts: Marts) -> None:
    assert marts.work(1108, "handled_segments, handle_seconds") == [(1, 60)]
    assert marts.work(2108, "handled_segments, handle_seconds") == [(0, 0)]


def test_a_wait_over_midnight_belongs_to_the_day_it_began(marts: Marts) -> None:
    days = [(dt.date(2025, 6, 10), 1, 0), (dt.date(2025, 6, 11), 1, 1)]
    assert marts.day(109, "local_date, offered, answered_in_sl") == days


def test_no_hour_is_counted_where_clocks_go_forward(marts: Marts) -> None:
    assert marts.ask(
        "cast(interval_start_local as varchar), utc_offset_minutes",
        "mart_queue_intervals",
        "queue_id = 110 and interval_minutes = 15",
    ) == [("2025-03-09 01:45:00", -300), ("2025-03-09 03:00:00", -240)]


def test_an_hour_that_clocks_show_twice_is_two_intervals(marts: Marts) -> None:
    assert marts.ask(
        "cast(interval_start_at as varchar), cast(interval_start_local as varchar), utc_offset_minutes",
        "mart_service_level",
        "queue_id = 111",
    ) == [
        ("2025-11-02 05:30:00+00", "2025-11-02 01:30:00", -240),
        ("2025-11-02 06:30:00+00", "2025-11-02 01:30:00", -300),
    ]
    assert marts.day(111, "offered") == [(2,)]


def test_clocks_that_change_by_half_an_hour_move_the_offset_by_thirty_minutes(marts: Marts) -> None:
    assert marts.ask(
        "cast(interval_start_local as varchar), utc_offset_minutes", "mart_service_level", "queue_id = 112"
    ) == [("2025-04-06 01:30:00", 630), ("2025-04-06 01:30:00", 660)]


def test_a_midnight_inside_a_half_hour_splits_its_calls_but_not_its_verdict(marts: Marts) -> None:
    parts = "local_date, offered, answered_in_sl, intervals_judged, intervals_on_target"
    assert marts.day(113, parts) == [(dt.date(2025, 6, 10), 1, 1, 1, 0), (dt.date(2025, 6, 11), 1, 0, 0, 0)]


def test_without_a_target_there_is_no_service_level_and_nothing_is_judged(marts: Marts) -> None:
    parts = (
        "answered, answered_in_sl, abandoned_in_sl, abandoned_after_target, service_level, intervals_judged"
    )
    assert marts.day(114, parts) == [(1, 0, 0, 0, None, 0)]


def test_an_event_decides_before_the_work_and_an_unknown_one_decides_nothing(marts: Marts) -> None:
    assert marts.day(115, "offered, abandoned, answered") == [(2, 1, 1)]


def test_waiting_twice_on_one_leg_is_one_answer(marts: Marts) -> None:
    assert marts.day(116, "offered, answered, flowed_out") == [(2, 1, 1)]


def test_hanging_up_in_the_menus_is_no_queue_abandon(marts: Marts) -> None:
    assert marts.day(117, "offered") == []
    parts = "entered_menu, menu_abandoned, abandoned_menu_seconds"
    assert marts.ask(parts, "mart_ivr", "queue_id = 117") == [(1, 1, 12)]


def test_a_wait_without_a_queue_is_no_segment(marts: Marts) -> None:
    assert marts.day(118, "offered") == []


def test_a_busy_second_counts_once_however_many_segments_cover_it(marts: Marts) -> None:
    parts = "sum(handled_segments), sum(call_seconds), sum(agent_busy_seconds)"
    assert marts.ask(parts, "agg_agent_intervals", "agent_id = 1119") == [(2, 200, 150)]


def test_an_agents_day_ends_at_midnight_of_the_reporting_zone(marts: Marts) -> None:
    days = [(dt.date(2025, 6, 10), 1), (dt.date(2025, 6, 11), 1)]
    assert marts.work(1124, "local_date, handled_segments") == days


def test_a_transfer_to_another_virtual_agent_is_no_wish_for_a_person(marts: Marts) -> None:
    parts = "virtual_agent_id, contained, escalated"
    assert marts.ask(parts, "mart_virtual_agent", "virtual_agent_id > 900") == [(901, 1, 0), (902, 1, 0)]


def test_a_caller_who_comes_back_after_exactly_seven_days_repeats(marts: Marts) -> None:
    parts = "queue_id, contacts, repeated_contacts"
    assert marts.ask(parts, "mart_repeat_contacts", "queue_id in (121, 122)") == [(121, 1, 1), (122, 1, 0)]


def test_a_call_still_waiting_is_not_offered_and_its_interval_not_final(marts: Marts) -> None:
    assert marts.day(123, "offered, in_progress, service_level, is_final") == [(0, 1, None, False)]
    assert marts.day(101, "is_final") == [(True,)]


def test_a_call_the_vendor_never_ends_does_not_keep_its_interval_provisional(marts: Marts) -> None:
    assert marts.day(140, "offered, in_progress, is_final") == [(0, 1, True)]


def test_the_hours_between_a_talk_and_its_late_wrap_up_are_not_busy(marts: Marts) -> None:
    assert marts.ask("sum(agent_busy_seconds)", "agg_agent_intervals", "agent_id = 1141") == [(900,)]


def test_rows_the_vendor_sent_twice_count_once(marts: Marts) -> None:
    assert marts.day(142, "offered, wait_seconds") == [(1, 9)]
    assert marts.work(1142, "handled_segments, handle_seconds") == [(1, 60)]
    flags = "has_duplicate_rows, folded_rows"
    assert marts.ask(flags, "fct_handled_segments", "agent_id = 1142") == [(True, 1)]


def test_work_for_a_queue_that_nobody_waited_in_keeps_the_queues_number_and_zone(marts: Marts) -> None:
    parts = "queue_name, cast(interval_start_local as varchar)"
    condition = "queue_id = 124 and interval_minutes = 60"
    assert marts.ask(parts, "mart_queue_handle_time", condition) == [("124", "2025-06-10 18:45:00")]
