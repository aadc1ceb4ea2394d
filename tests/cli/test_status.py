"""`callmart status` answers before the first load, and its --json is what a scheduler watches."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dlt
import duckdb
import pytest

from pipelines.home import Home
from pipelines.runs import Run, record


@pytest.fixture
def landed(callmart) -> Path:
    """A warehouse as a load leaves it, with three calls, of which one landed after the transform."""
    (callmart.root / "warehouse").mkdir(parents=True)
    path = callmart.root / "warehouse" / "callmart.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("""
            set TimeZone = 'UTC';
            create schema ccaip;
            create table ccaip.calls (id bigint, status varchar, ends_at timestamptz, updated_at timestamptz,
                _extra json, _dlt_load_id varchar, _dlt_id varchar default 'an id');
            insert into ccaip.calls (id, status, ends_at, updated_at, _extra, _dlt_load_id) values
                (1, 'finished', '2026-03-02 07:59:15Z', '2026-03-02 08:00:00Z', null, '1700.1'),
                (2, 'queued', null, '2026-03-02 09:00:00Z', '{"new_key": 1, "other.key": [2]}', '1700.1'),
                (3, 'never_seen_before', null, '2026-03-02 09:30:00Z', '{"new_key": 2}', '1800.1');
            create table ccaip.transfers (call_id bigint, idx bigint, _extra json);
            create table ccaip.rejected_calls (call_key varchar, reason varchar);
            insert into ccaip.rejected_calls values ('7', 'ends_at: not an instant');
            create table ccaip._dlt_loads (load_id varchar, status bigint, inserted_at timestamptz);
            insert into ccaip._dlt_loads values ('1700.1', 0, '2026-03-02 09:10:00Z'), ('1800.1', 0, '2026-03-02 10:01:00Z');
            create table ccaip.load_windows (window_id varchar, attempt bigint, why varchar, window_from timestamptz,
                window_until timestamptz, new_versions bigint, verdict varchar, started_at timestamptz,
                newest_change_at timestamptz, load_id varchar default '1800.1');
            insert into ccaip.load_windows (window_id, attempt, why, window_from, window_until, new_versions,
                verdict, started_at) values
                ('a', 1, 'tail', '2026-03-02 08:00:00Z', '2026-03-02 09:00:00Z', 2, 'short', null),
                ('a', 2, 'tail', '2026-03-02 08:00:00Z', '2026-03-02 09:00:00Z', 0, 'complete', null),
                ('b', 1, 'backfill', '2026-02-01 00:00:00Z', '2026-02-02 00:00:00Z', null, 'planned', null),
                ('c', 1, 'tail', '2026-03-02 09:00:00Z', '2026-03-02 10:00:00Z', 1, 'short', null),
                ('d', 5, 'tail', '2026-03-01 09:00:00Z', '2026-03-01 10:00:00Z', 1, 'mismatch', null),
                ('e', 1, 'future', '2026-03-02 11:00:00Z', '9999-12-30 00:00:00Z', 1, 'failed', null);
            create table ccaip.drift (run_id varchar, kind varchar, table_name varchar, field varchar, value varchar,
                occurrences bigint, noticed_at timestamptz);
            insert into ccaip.drift values
                ('r1', 'new_value', 'calls', 'status', 'never_seen_before', 1, '2026-03-02 09:10:00Z'),
                ('r2', 'new_value', 'calls', 'status', 'never_seen_before', 3, '2026-03-02 10:01:00Z'),
                ('r2', 'new_key', 'calls', 'new_key', '', 2, '2026-03-02 10:01:00Z');
            create table ccaip.reconciled_days (counted_by varchar, day timestamptz, missing bigint, stale bigint,
                vanished bigint, healed bigint, checked_at timestamptz);
            insert into ccaip.reconciled_days values
                ('queued_at', '2026-03-01 00:00:00Z', 2, 1, 0, 3, '2026-03-02 09:00:00Z'),
                ('queued_at', '2026-03-02 00:00:00Z', 2, 0, 0, 1, '2026-03-02 09:00:00Z');
            create schema marts;
            create table marts.fct_calls as select 1 as call_id, '1700.1' as load_id;
        """)
    return path


def test_before_the_first_load(callmart) -> None:
    callmart.root.mkdir()
    shown = callmart("status")
    assert shown.returncode == 0, shown.stderr
    assert "Nothing is loaded yet" in shown.stdout
    told = json.loads(callmart("status", "--json").stdout)
    assert told["exists"] is False
    assert told["fresh"]["tail_until"] is None
    assert told["home"] == str(callmart.root)
    assert list(callmart.root.iterdir()) == [], "status reads only"


def test_an_empty_warehouse(callmart) -> None:
    (callmart.root / "warehouse").mkdir(parents=True)
    duckdb.connect(str(callmart.root / "warehouse" / "callmart.duckdb")).close()
    shown = callmart("status", "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["landed"]["rows"] == {}


def test_what_landed_how_fresh_and_what_is_pending(callmart, landed) -> None:
    told = json.loads(callmart("status", "--json").stdout)
    assert told["landed"] == {
        "rows": {"calls": 3, "transfers": 0, "rejected_calls": 1},
        "calls_final": 1,
        "calls_not_final": 2,
    }
    assert told["fresh"] == {
        "newest_updated_at": "2026-03-02T09:30:00Z",
        "tail_until": "2026-03-02T10:00:00Z",
        "last_load_id": "1800.1",
        "last_load_at": "2026-03-02T10:01:00Z",
        "marts_built_at": None,
    }
    assert told["pending"] == {
        "load_was_cut_short": False,
        "calls_since_transform": 1,
        "rejected_calls": 1,
        "unfinished_erasures": [],
        "rows_with_unknown_keys": 2,
        "unknown_keys": {"calls.new_key": 2, "calls.other.key": 1},
    }
    assert told["marts"] == {"fct_calls": 1}


def test_what_the_copy_rests_on(callmart, landed) -> None:
    told = json.loads(callmart("status", "--json").stdout)["trust"]
    assert told["windows"] == 4  # the latest attempt at each; the future is asked anew by every load
    assert told["open_windows"] == {"planned": 1, "short": 1}
    assert told["set_aside_windows"] == {"mismatch": 1}
    assert [(each["field"], each["value"], each["occurrences"]) for each in told["drift"]] == [
        ("status", "never_seen_before", 4),
        ("new_key", "", 2),
    ]
    assert told["updates"] == {"calls": 1, "p50_seconds": 45, "p99_seconds": 45, "max_seconds": 45}
    assert (told["recommended"]["settle_seconds"], told["recommended"]["overlap_seconds"]) == (60, 1800)
    assert told["reconciled"] == [
        {
            "counted_by": "queued_at",
            "days": 2,
            "first_day": "2026-03-01T00:00:00Z",
            "last_day": "2026-03-02T00:00:00Z",
            "last_checked_at": "2026-03-02T09:00:00Z",
            "days_that_differ": 1,
            "missing": 4,
            "stale": 1,
            "vanished": 0,
            "healed": 4,
        }
    ]


def test_the_page_for_people_tells_the_same(callmart, landed) -> None:
    page = " ".join(callmart("status").stdout.split())
    for words in (
        "1 final, 2 not final",
        "Requested up to 2026-03-02 10:00:00 UTC",
        "Loaded since the last transform 1 calls",
        "in 2 rows: calls.new_key (2), calls.other.key (1)",
        "4 requested, 2 (1 planned, 1 short) open",
        "1 (1 mismatch) no longer requested",
        "new value of calls.status: never_seen_before │ 4 │",
        "99% within 45 s",
        "settle_seconds = 60, overlap_seconds = 1800",
        "2 days, 2026-03-01 to 2026-03-02, last 2026-03-02 09:00:00 UTC: 1 differ",
    ):
        assert words in page


def test_a_load_that_was_cut_short_is_told(callmart, landed) -> None:
    pipeline = dlt.pipeline(
        "ccaip",
        destination=dlt.destinations.duckdb(str(landed)),
        pipelines_dir=str(Home(callmart.root).pipelines_dir),
    )
    pipeline.extract([{"id": 1}], table_name="calls")
    assert json.loads(callmart("status", "--json").stdout)["pending"]["load_was_cut_short"]
    assert "Interrupted" in callmart("status").stdout
    pipeline.abort_packages()
    assert "Interrupted" not in callmart("status").stdout


def test_an_erasure_that_was_cut_short_is_told_with_the_mend(callmart, landed) -> None:
    with duckdb.connect(str(landed)) as db:
        db.execute("""
            set TimeZone = 'UTC';
            create table ccaip.erasures (erasure_id varchar, asked_at timestamptz, finished_at timestamptz);
            insert into ccaip.erasures values ('a', '2026-03-01 08:00:00Z', '2026-03-01 08:01:00Z'),
                ('b', '2026-03-02 09:00:00Z', null);
        """)
    told = json.loads(callmart("status", "--json").stdout)
    assert told["pending"]["unfinished_erasures"] == ["2026-03-02T09:00:00Z"]
    page = " ".join(callmart("status").stdout.split())
    assert "Not erased yet requested 2026-03-02 09:00:00 UTC: run the same `callmart forget` again" in page


def test_what_to_do_next_is_told_the_most_urgent_first(callmart, landed) -> None:
    assert json.loads(callmart("status", "--json").stdout)["next_steps"] == [
        "Some windows are not complete: the next load requests them again.",
        "Some windows stayed incomplete after five attempts: run `callmart reconcile --heal`.",
        "The marts do not have the latest calls: run `callmart transform`.",
        "Some calls could not be parsed: see `callmart rejected`.",
    ]
    started = datetime.now(UTC) - timedelta(hours=2)
    (callmart.root / "var").mkdir()
    for number, code in enumerate((0, 0, 3, 6)):
        record(Home(callmart.root), Run("run", started + number * timedelta(minutes=15), 60.0, code))
    told = json.loads(callmart("status", "--json").stdout)
    assert told["next_steps"][0].startswith("dbt failed in the last `callmart run`")
    assert told["schedule"].startswith(
        "Not kept: a load usually starts every 15 min; the last one started at"
    )
    page = callmart("status").stdout
    assert "Next       dbt failed in the last `callmart run`" in page
    assert "Schedule   Not kept" in page


def test_before_the_first_load_the_next_step_is_to_load(callmart) -> None:
    callmart.root.mkdir()
    told = json.loads(callmart("status", "--json").stdout)
    assert told["next_steps"] == ["Load the first calls: `callmart run`."]
    assert told["schedule"] == "Not enough loads recorded yet to know the schedule."


def test_looking_changes_nothing(callmart, landed) -> None:
    before = landed.read_bytes()
    callmart("status")
    assert landed.read_bytes() == before
    assert sorted(file.name for file in landed.parent.iterdir()) == ["callmart.duckdb"]


def test_a_warehouse_that_is_being_written_is_no_failure_of_ours(callmart, landed) -> None:
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    writer = subprocess.Popen(
        [sys.executable, "-c", hold, landed], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    shown = callmart("status")
    writer.communicate()
    assert shown.returncode == 4
    assert "being written by another process" in shown.stderr
