"""Check the ledger: every window is accounted for, none is open, and no period was missed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dlt.common.versioned_state import decompress_state
from sqlalchemy import Connection, text

from pipelines.ccaip.windows import parse_instant
from tests.soak.verdict import Verdict

_OPEN = """
    select window_id, why, attempt, verdict, note from ccaip.load_windows as one
    where attempt = (select max(attempt) from ccaip.load_windows as each where each.window_id = one.window_id)
    and verdict <> 'complete' and why in ('tail', 'overlap', 'backfill')"""


def audit(connection: Connection, start: datetime, verdict: Verdict) -> None:
    """Add problems of the ledger as *unexplained*. `start` (UTC) is the start of the loads."""
    wrong_sums = """select * from ccaip.load_windows where verdict = 'complete'
           and distinct_calls is distinct from landed + rejected + superseded"""
    for window in connection.execute(text(wrong_sums)):
        verdict.add("unexplained", f"load_windows: the sums of a window do not agree: {window}")
    for window in connection.execute(text(_OPEN)):
        verdict.add("unexplained", f"load_windows: a window is left open: {window}")
    complete = """select window_from, window_until from ccaip.load_windows
           where verdict = 'complete' and why in ('tail', 'overlap') order by 1, 2"""
    asked = [(since, until) for since, until in connection.execute(text(complete))]
    reached, cursor = _reached(start, asked), _cursor(connection)
    if cursor is None or reached < cursor:
        problem = f"changes after {reached} were not requested, but the cursor is {cursor}"
        verdict.add("unexplained", f"load_windows: {problem}")


def open_windows(connection: Connection) -> int:
    """The number of windows that the next load would request again."""
    return len(connection.execute(text(_OPEN)).all())


def _cursor(connection: Connection) -> datetime | None:
    """The cursor in the state that was loaded with the data."""
    newest = """select state from ccaip._dlt_pipeline_state
           where _dlt_load_id in (select load_id from ccaip._dlt_loads) order by version desc limit 1"""
    row = connection.execute(text(newest)).one_or_none()
    windows = decompress_state(row[0])["sources"]["ccaip"]["resources"]["windows"] if row else {}
    cursor = windows.get("incremental", {}).get("until", {}).get("last_value")
    return parse_instant(cursor) if cursor else None


def _reached(start: datetime, windows: Iterable[tuple[datetime, datetime]]) -> datetime:
    """The end of the windows without a gap, oldest first, from `start` on."""
    reached = start
    for since, until in windows:
        if since > reached:
            break
        reached = max(reached, until)
    return reached
