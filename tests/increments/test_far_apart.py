"""A change reaches other days than its own: a contact the week before, a parent's date, a name, an average, the clock.

Each story has calls of its own, weeks apart from the others, so that no other change computes its days by chance.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.increments.changes import instant_text
from tests.increments.rebuild import TABLES, differences
from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop

pytestmark = pytest.mark.slow

Json = dict[str, Any]


def call(call_id: int, day: str, **fields: Any) -> Json:
    """A call that waited 10 seconds and talked for a minute at noon UTC of a day; `fields` replace its own."""
    at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    queue, agent = fields.pop("queue", (4, "Sales")), fields.pop("agent", (5, "Jane Smith"))
    times = {name: instant_text(at + timedelta(seconds=seconds)) for name, seconds in _SECONDS.items()}
    wait = {"menu_path_id": queue[0], "menu_path": queue[1], "lang": "en", "queue_duration": 10}
    wait |= {"started_at": times["queued_at"], "ended_at": times["connected_at"], "agent_id": agent[0]}
    wait |= {"service_level_target_time": 20, "service_level_target_percent": 80}
    work = {
        "agent_id": agent[0],
        "menu_path_id": queue[0],
        "menu_path": queue[1],
        "lang": "en",
        "call_duration": 60,
    }
    work |= {"started_at": times["connected_at"], "ended_at": times["ends_at"], "acw_duration": 0}
    return {
        "id": call_id, "call_type": "Voice Inbound (IVR)", "status": "finished", "lang": "en",
        "end_user": {"id": call_id}, "agent_info": {"id": agent[0], "name": agent[1]},
        "queue_durations": [wait], "handle_durations": [work],
    } | times | fields  # fmt: skip


_SECONDS = {"created_at": 0, "queued_at": 0, "connected_at": 10, "ends_at": 70, "updated_at": 90}
_NOBODY = {"agent": (None, None), "handle_durations": []}
_VOICEMAIL = {"status": "voicemail", "voicemail_reason": "eu_requested", "ends_at": None}
_CALLBACK = "Voice Callback (Web)"


def before() -> list[Json]:
    return [
        call(1, "2026-01-10", end_user={"id": 7_001}), call(2, "2026-01-16"),
        call(11, "2026-02-01", agent=(900, "Old")), call(12, "2026-02-10", agent=(900, "New")),
        call(13, "2026-02-20", agent=(900, "Old")),
        call(21, "2026-02-25", queue=(990, "Closing"), agent=(901, "Leaving")),
        call(31, "2026-01-25", **_VOICEMAIL), call(32, "2026-02-14", parent_id=31, call_type=_CALLBACK),
        call(34, "2026-02-16", parent_id=33, call_type=_CALLBACK),
        call(41, "2026-03-31"), call(43, "2026-03-31", status="queued", ends_at=None, **_NOBODY),
        # Longer ago than what becomes final now.
        call(44, "2026-03-25"), call(45, "2026-03-28", status="queued", ends_at=None, **_NOBODY),
        call(51, "2026-01-05"), call(52, "2026-01-07"),
        call(61, "2026-01-12", status="failed", fail_reason="eu_abandoned", **_NOBODY),
        call(81, "2026-01-02", queue=(6, "A")), call(82, "2026-01-13", queue=(6, "B")),
        call(83, "2026-01-14", queue=(6, None)), call(84, "2026-01-23", queue=(6, "A")),
        call(91, "2026-01-19"),
    ]  # fmt: skip


def after() -> list[Json]:
    """What a load brings, apart from the calls that are erased."""
    longer = call(51, "2026-01-05")
    longer["queue_durations"][0]["queue_duration"] = 90
    longer["handle_durations"][0]["acw_duration"] = 600
    return [
        call(2, "2026-01-16", end_user={"id": 7_001}),
        call(33, "2026-01-28", **_VOICEMAIL),
        call(42, "2026-04-09"),
        longer, call(52, "2026-01-21"), call(91, "2026-01-19", queue_durations=[]),
    ]  # fmt: skip


@dataclass(frozen=True)
class Built:
    """The warehouse after a build, and after three increments. The first leaves every name of a queue, because a name that
    goes computes every day. The second erases the only call of a name, and one without waits, the third that of a queue.
    """

    first: Path
    second: Path
    third: Path
    fourth: Path
    workshop: Workshop


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    work = tmp_path_factory.mktemp("far_apart")
    workshop = Workshop(work / "dbt")
    first = _folder(work, "first")
    dbt_raw.create_raw(first)
    _land(first, "2026-03-31", "load-1", before())
    workshop.build(first)
    second = Path(shutil.copy(first, _folder(work, "second")))
    _land(second, "2026-04-09", "load-2", after(), erased=[12, 31])
    workshop.build(second, select=TABLES)
    third = Path(shutil.copy(second, _folder(work, "third")))
    _land(third, "2026-04-09", "load-3", [], erased=[82, 91])
    workshop.build(third, select=TABLES)
    fourth = Path(shutil.copy(third, _folder(work, "fourth")))
    _land(fourth, "2026-04-09", "load-4", [], erased=[21])
    workshop.build(fourth, select=TABLES)
    return Built(first, second, third, fourth, workshop)


def _folder(work: Path, name: str) -> Path:
    (work / name).mkdir()
    return work / name / WAREHOUSE


def _land(database: Path, day: str, load_id: str, calls: list[Json], erased: list[int] | None = None) -> None:
    """Load calls, erase others, and record that everything up to the evening of a day is loaded."""
    dbt_raw.land(database, load_id, calls)
    until = datetime.fromisoformat(f"{day}T20:00:00+00:00").astimezone(UTC)
    with duckdb.connect(str(database)) as connection:
        dbt_raw.forget(connection, *(erased or ()))
        connection.execute(
            "insert into ccaip.load_windows (window_id, attempt, why, window_from, window_until, started_at, finished_at,"
            " verdict) values ($1, 1, 'tail', '2025-12-01', $2, $2, $2, 'complete')",
            [load_id, until],
        )


def _changed(built: Built, query: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The rows of a query before and after the first increment."""
    return _ask(built.first, query), _ask(built.second, query)


def _ask(database: Path, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in dbt_raw.rows(database, query)]


@pytest.mark.parametrize("after", ["second", pytest.param("fourth", marks=pytest.mark.long)])
def test_increments_equal_a_full_refresh(built: Built, tmp_path: Path, after: str) -> None:
    """After the first increment, in which most happens, and after the last."""
    path: Path = getattr(built, after)
    full = Path(shutil.copy(path, tmp_path / WAREHOUSE))
    built.workshop.build(full, full_refresh=True, select=TABLES)
    assert list(differences(built.workshop, path, full)) == []


def test_a_contact_is_repeated_by_one_of_six_days_later(built: Built) -> None:
    """Else the first contact's row says for good that its caller never called again."""
    query = (
        "select contacts, repeated_contacts from marts.mart_repeat_contacts where local_date = '2026-01-10'"
    )
    assert _changed(built, query) == ([(1, 0)], [(1, 1)])


def test_a_call_back_moves_to_its_own_date_when_the_call_it_answers_is_gone(built: Built) -> None:
    query = (
        "select callbacks, voicemail_callbacks, unlinked_callbacks from marts.mart_deflection_and_callbacks"
        " where local_date = '2026-02-14'"
    )
    assert _changed(built, query) == ([], [(1, 0, 1)])
    assert (
        _ask(built.second, "from marts.mart_deflection_and_callbacks where local_date = '2026-01-25'") == []
    )


def test_a_call_back_moves_to_the_date_of_the_call_it_answers_when_that_lands(built: Built) -> None:
    query = (
        "select local_date::varchar, voicemail_callbacks, unlinked_callbacks from marts.mart_deflection_and_callbacks"
        " where local_date in ('2026-01-28', '2026-02-16') order by local_date"
    )
    assert _changed(built, query) == ([("2026-02-16", 0, 1)], [("2026-01-28", 1, 0)])


def test_a_name_ends_with_the_only_call_that_showed_it(built: Built) -> None:
    """Of agent 900 and queue 6, both called by their first name before and after."""
    agents = "select agent_name from marts.dim_agent_versions where agent_id = 900 order by version_number"
    assert _changed(built, agents) == ([("Old",), ("New",), ("Old",)], [("Old",)])
    queues = "select queue_name from marts.dim_queue_versions where queue_id = 6 order by version_number"
    assert _ask(built.second, queues) == [("A",), ("B",), ("A",)]
    assert _ask(built.third, queues) == [("A",)]


def test_a_day_shows_another_name_when_the_day_before_is_gone(built: Built) -> None:
    query = (
        "select queue_name_then from marts.mart_service_level_reconciliation"
        " where queue_id = 6 and local_date = '2026-01-14'"
    )
    assert (_ask(built.second, query), _ask(built.third, query)) == ([("B",)], [("A",)])


def test_an_average_of_all_days_changes_days_that_no_call_touches(built: Built) -> None:
    query = (
        "select is_average_of_all_days, handle_seconds from marts.mart_staffing"
        " where queue_id = 4 and local_date = '2026-01-12'"
    )
    [(is_average, seconds)], [(is_average_now, seconds_now)] = _changed(built, query)
    assert (is_average, is_average_now) == (True, True)
    assert seconds_now != seconds
    everywhere = (
        "select longest_wait_seconds from marts.mart_wait_percentiles where percentiles_of = 'overall'"
    )
    assert _changed(built, everywhere) == ([(10,)], [(90,)])


def test_time_alone_ends_what_was_open(built: Built) -> None:
    """Intervals become final and are published, one for want of late changes and one in spite of a call that never ended;
    the week of a contact is over; a call counts as never ended.
    """
    for query, was, became in [
        (
            "select bool_and(is_final) from marts.mart_queue_intervals where local_date = '2026-03-31'",
            False,
            True,
        ),
        (
            "select bool_and(is_final) from marts.mart_queue_intervals where local_date = '2026-03-28'",
            False,
            True,
        ),
        ("select sum(contacts) from marts.mart_repeat_contacts where local_date = '2026-03-25'", 0, 1),
        ("select count(*) from marts.mart_unfinished_calls where call_id = 43", 0, 1),
        ("select count(*) from history.published_queue_segments where call_id = 41", 0, 1),
    ]:
        assert _changed(built, query) == ([(was,)], [(became,)]), query


def test_what_was_published_is_restated_on_the_day_it_left_and_the_day_it_came_to(built: Built) -> None:
    query = (
        "select distinct cast(interval_start_at as date)::varchar as day from marts.mart_restatements"
        " where interval_start_at < '2026-01-22' order by day"
    )
    assert _changed(built, query) == (
        [],
        [("2026-01-05",), ("2026-01-07",), ("2026-01-19",), ("2026-01-21",)],
    )


def test_a_removed_call_leaves_the_history_and_what_was_restated(built: Built) -> None:
    linked = "select count(*) from history.published_queue_segments where call_id in (12, 31)"
    assert _changed(built, linked) == ([(2,)], [(0,)])
    named = "select distinct call_ids from marts.mart_restatements where cast(interval_start_at as date) = '2026-01-"
    assert _ask(built.third, f"{named}13'") == [("",)]
    # Its segment was gone before it was: nothing new is published of it.
    assert (_ask(built.second, f"{named}19'"), _ask(built.third, f"{named}19'")) == ([("91",)], [("",)])


def test_a_queue_and_an_agent_go_with_their_only_call(built: Built) -> None:
    for query in (
        "select count(*) from marts.dim_queues where queue_id = 990",
        "select count(*) from marts.dim_agents where agent_id = 901",
        "select count(*) from marts.mart_staffing where queue_id = 990",
        "select count(*) from marts.mart_wait_percentiles where percentiles_of = 'queue' and queue_id = 990",
        "select count(*) from marts.dim_intervals where cast(interval_start_at as date) = '2026-02-25'",
    ):
        assert _ask(built.third, query) != [(0,)], query
        assert _ask(built.fourth, query) == [(0,)], query
