"""Analysts see which days are whole, and dbt says when no load has come for long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop

COMPLETENESS = ("+mart_completeness", "assert_no_window_stays_open")
MARCH = datetime(2026, 3, 1, tzinfo=UTC)

TAIL = {"why": "tail", "attempt": 1, "verdict": "complete"}


def day(number: float) -> str:
    """An instant so many days after the start of March."""
    return (MARCH + timedelta(days=number)).isoformat()


def a_call(call_id: int, queued: float, updated: float) -> dict[str, Any]:
    return {
        "id": call_id, "call_type": "Voice Inbound (IVR)", "queued_at": day(queued), "updated_at": day(updated),
    }  # fmt: skip


def insert(path: Path, table: str, *records: dict[str, Any]) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for record in records:
            marks = ", ".join("?" for _ in record)
            connection.execute(
                f"insert into ccaip.{table} ({', '.join(record)}) values ({marks})", list(record.values())
            )


def window(window_id: str, since: float, until: float, **more: Any) -> dict[str, Any]:
    bounds = {"window_from": day(since), "window_until": day(until), "started_at": day(until)}
    return {"window_id": window_id, **TAIL, **bounds, "finished_at": day(until), **more}


@dataclass(frozen=True)
class Built:
    """A warehouse, and how many rows each test found wrong in it, by name."""

    warehouse: Path
    failures: dict[str, int]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="module")
def built(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Five days, loaded twice, with all that can befall them; marts built over them."""
    path = tmp_path_factory.mktemp("completeness") / WAREHOUSE
    dbt_raw.create_raw(path)
    dbt_raw.land(path, "a", [
        a_call(1, 0.5, 0.6),
        a_call(2, 0.5, 3.5),
        a_call(3, 3.2, 3.5),  # vanished
        a_call(4, 4.1, 404.0),  # says it changed in a year's time
    ])  # fmt: skip
    insert(
        path, "load_windows",
        window("first", -4000, 1.5),
        window("second", 1.5, 2.0, verdict="short"),
        window("second", 1.5, 2.0, attempt=2),
        window("third", 2.0, 2.5, verdict="failed", finished_at=day(2.6)),
        window("fourth", 2.5, 4.25),
        window("future", 4.25, 404.0, why="future"),
    )  # fmt: skip
    insert(path, "vanished_calls", {"call_id": 3, "updated_at": day(3.5), "queued_at": day(3.2)})
    insert(path, "rejected_calls", {"call_key": "9", "window_from": day(2.5), "window_until": day(4.25)})
    reconciled = {
        "missing": 0, "stale": 0, "vanished": 0, "healed": 0, "compared": True, "checked_at": day(5),
    }  # fmt: skip
    insert(
        path, "reconciled_days",
        {"counted_by": "updated_at", "day": day(0), "counted_until": day(1), "counted_by_api": 1} | reconciled,
        {"counted_by": "updated_at", "day": day(3), "counted_until": day(4), "counted_by_api": 2, **reconciled,
         "missing": 1},
    )  # fmt: skip
    done = workshop.run(path, "build", "--indirect-selection", "buildable", "--select", *COMPLETENESS)
    assert done.success
    return Built(path, {each.node.name: each.failures for each in done.result.results if each.failures})


def verdicts(built: Built, counted_by: str) -> list[tuple[Any, ...]]:
    found = dbt_raw.rows(
        built.warehouse,
        "select day_utc, counted_by_api, landed, vanished, rejected, open_windows, verdict"
        f" from marts.mart_completeness where counted_by = '{counted_by}' order by day_utc",
    )
    return [((row["day_utc"] - MARCH.date()).days, *list(row.values())[1:]) for row in found]


def test_days_are_accounted_for_by_their_last_change(built: Built) -> None:
    """From the first call on, not from the first window's 2015; and not on to a call dated next year."""
    assert verdicts(built, "updated_at") == [
        (0, 1, 1, 0, 0, 0, "proven"),
        (1, None, 0, 0, 0, 0, "loaded"),
        (2, None, 0, 0, 1, 1, "open"),
        (3, 2, 2, 1, 1, 0, "differs"),
        (4, None, 0, 0, 1, 0, "partly loaded"),
    ]


def test_days_are_accounted_for_by_when_calls_were_queued(built: Built) -> None:
    """A call queued before a window that is missing may have changed in it."""
    assert verdicts(built, "queued_at") == [
        (0, None, 2, 0, 0, 1, "open"),
        (1, None, 0, 0, 0, 1, "open"),
        (2, None, 0, 0, 1, 1, "open"),
        (3, None, 1, 1, 1, 0, "loaded"),
        (4, None, 1, 0, 1, 0, "partly loaded"),
    ]


def test_differences_and_windows_that_stay_open_are_warned_of(built: Built) -> None:
    """A warning holds nothing up; without it nobody looks."""
    assert built.failures == {
        "mart_completeness_has_no_day_that_differs": 1, "assert_no_window_stays_open": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "status"), [(0.5, "pass"), (3, "warn"), (None, "error")]
)  # fmt: skip
def test_freshness_tells_how_old_the_newest_whole_load_is(
    workshop: Workshop, tmp_path: Path, hours: float | None, status: str
) -> None:
    """A backfill, a failed window or a call dated ahead brings nothing new, and must not look like it."""
    path = tmp_path / WAREHOUSE
    dbt_raw.create_raw(path)
    dbt_raw.land(path, "a", [a_call(1, 0, 1000)])
    now = (datetime.now(UTC) - MARCH) / timedelta(days=1)
    loads = [] if hours is None else [window("tail", now - 2, now - hours / 24)]
    insert(
        path, "load_windows", *loads,
        window("back", now - 2, now, why="backfill"),
        window("short", now - 2, now, verdict="short"),
        window("future", now, now + 400, why="future"),
    )  # fmt: skip
    done = workshop.run(path, "source", "freshness")
    assert [(each.node.unique_id, each.status) for each in done.result.results] == [
        ("source.callmart.ccaip.load_windows", status)
    ]
    assert done.success == (status != "error")
