"""The seeds of the marts, read as data."""

from __future__ import annotations

import csv
import datetime as dt

from tests.marts.dbt_raw import PROJECT

SHORT_CALL_SECONDS = 20
"""Talk of fewer seconds is a short call: the project's variable as shipped."""

REPORTED_MINUTES = 30
"""Length of the interval of mart_service_level, mart_abandonment and of a day's compliance, as shipped."""

LATENESS_FLOOR_SECONDS = 30 * 60
"""The minimum time for which an interval is provisional, by default."""


UNFINISHED = dt.timedelta(hours=72)
"""The time after which an unfinished call no longer keeps its interval provisional, by default."""


def _seed(name: str) -> list[dict[str, str]]:
    with (PROJECT / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _true(value: str) -> bool:
    return value == "true"


DIRECTIONS = {row["call_type"]: row["direction"] for row in _seed("call_types")}
STATUS_IS_FINAL = {row["status"]: _true(row["is_final"]) for row in _seed("call_statuses")}
STATUS_FLOWS_OUT_AS = {
    row["status"]: row["flows_out_as"] for row in _seed("call_statuses") if row["flows_out_as"] != "none"
}
MENU_ABANDONS = {row["fail_reason"] for row in _seed("fail_reasons") if _true(row["is_menu_abandon"])}
NO_DEFLECTIONS = {row["deflection"] for row in _seed("deflections") if not _true(row["is_deflected"])}
EVENT_OUTCOMES = {row["event"]: row["outcome"] for row in _seed("queue_event_outcomes")}
TRANSFER_OUTCOMES = {row["status"]: row["outcome"] for row in _seed("transfer_statuses")}
VENDOR_IN = {row["service_level_event"] for row in _seed("service_level_events") if _true(row["is_in_sla"])}
VENDOR_COUNTED = {
    row["service_level_event"] for row in _seed("service_level_events") if _true(row["is_counted"])
}
ABANDON_OUTCOMES = {row["fail_reason"]: row["outcome"] for row in _seed("abandon_fail_reasons")}
RINGING = {row["fail_reason"] for row in _seed("abandon_fail_reasons") if _true(row["is_ringing"])}
"""Undated, as shipped: the oracle knows no day on which a class changed."""
