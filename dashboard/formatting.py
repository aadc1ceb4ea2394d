"""How numbers, dates and words are shown. Nothing is computed here."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from markupsafe import Markup, escape

NOTHING = "–"

# The label and the kind of each column. The kind decides how a value is shown:
# ratio and points are shares, seconds are durations.
COLUMNS: dict[str, tuple[str, str]] = {
    "local_date": ("Date", "date"),
    "week_start": ("Week from", "date"),
    "day_utc": ("Day (UTC)", "date"),
    "report_date": ("Report of", "date"),
    "time_of_day": ("Local time", "time"),
    "weekday": ("Weekday", "weekday"),
    "hour_of_day": ("Hour", "hour"),
    "interval_start_local": ("Interval (local)", "local"),
    "entered_local": ("Entered (local)", "local"),
    "queue_id": ("Queue number", "id"),
    "queue_name": ("Queue", "text"),
    "agent_id": ("Agent number", "id"),
    "agent_name": ("Agent", "text"),
    "call_id": ("Call", "id"),
    "offered": ("Offered", "count"),
    "answered": ("Answered", "count"),
    "abandoned": ("Abandoned", "count"),
    "short_abandoned": ("Short abandons", "count"),
    "flowed_out": ("Flowed out", "count"),
    "failed": ("Failed", "count"),
    "in_progress": ("In progress", "count"),
    "service_level": ("Service level", "ratio"),
    "service_level_vendor": ("Vendor's service level", "ratio"),
    "target_level": ("Target", "ratio"),
    "service_level_gap": ("Gap to target", "points"),
    "abandonment_rate": ("Abandonment", "ratio"),
    "abandonment_rate_gross": ("Abandonment, gross", "ratio"),
    "short_abandonment_rate": ("Short abandonment", "ratio"),
    "average_speed_of_answer": ("Speed of answer", "seconds"),
    "average_abandon_time": ("Wait of the abandoned", "seconds"),
    "average_handle_time": ("Handle time", "seconds"),
    "average_talk_time": ("Talk", "seconds"),
    "average_hold_time": ("Hold", "seconds"),
    "average_acw_time": ("Wrap-up", "seconds"),
    "interval_sl_compliance": ("Intervals on target", "ratio"),
    "longest_wait_seconds": ("Longest wait", "seconds"),
    "wait_seconds": ("Wait", "seconds"),
    "wait_from_seconds": ("Waited from", "seconds"),
    "wait_p50_seconds": ("50 % wait at most", "seconds"),
    "wait_p80_seconds": ("80 % wait at most", "seconds"),
    "wait_p90_seconds": ("90 % wait at most", "seconds"),
    "wait_p95_seconds": ("95 % wait at most", "seconds"),
    "waiting": ("Waited this long", "count"),
    "still_waiting_share": ("Would still wait", "ratio"),
    "handle_from_seconds": ("Took from", "seconds"),
    "all_agents_share": ("All agents", "ratio"),
    "agent_share": ("This agent", "ratio"),
    "target_seconds": ("Target", "seconds"),
    "agents_needed": ("Agents needed", "count"),
    "median_agents_needed": ("Agents needed, median of the days", "number"),
    "most_agents_needed": ("Agents needed, most of any day", "count"),
    "days": ("Days", "count"),
    "handled_segments": ("Handled", "count"),
    "transfers_out": ("Transfers out", "count"),
    "transfer_rate": ("Transfer rate", "ratio"),
    "hold_rate": ("Held", "ratio"),
    "is_final": ("Final", "flag"),
    "outcome": ("Outcome", "word"),
    "outcome_rule": ("Decided by", "word"),
    "language": ("Language", "text"),
    "call_type": ("Call type", "text"),
    "verdict": ("Verdict", "word"),
    "counted_by": ("Counted by", "word"),
    "counted_by_api": ("Counted by the API", "count"),
    "landed": ("Landed", "count"),
    "rejected": ("Rejected", "count"),
    "vanished": ("Vanished", "count"),
    "differences": ("Differences", "count"),
    "open_windows": ("Open windows", "count"),
    "checked_at": ("Reconciled (UTC)", "instant"),
    "agreement_rate": ("Agreement", "ratio"),
    "metric": ("Metric", "word"),
    "value_before": ("Before", "number"),
    "value_after": ("After", "number"),
    "cause": ("Cause", "text"),
    "calls": ("Calls", "count"),
    "changed_fields": ("Changed", "text"),
    "final_interval_share": ("Final", "ratio"),
    "intervals": ("Intervals", "count"),
    "final_intervals": ("Final intervals", "count"),
    "days_reconciled": ("Days reconciled", "count"),
    "restated_intervals": ("Intervals restated", "count"),
    "unfinished_calls": ("Calls never ended", "count"),
    "service_level_excl_short_abandons": ("Our service level", "ratio"),
    "ours_in_vendor_out": ("Ours in, vendor's out", "count"),
    "ours_out_vendor_in": ("Ours out, vendor's in", "count"),
    "vendor_excluded": ("Vendor leaves out", "count"),
    "ours_excluded": ("We leave out", "count"),
    "vendor_missing": ("No verdict", "count"),
    "no_target": ("No target", "count"),
    "cold_transfers_out": ("Cold", "count"),
    "warm_transfers_out": ("Warm", "count"),
    "segments": ("Callers", "count"),
    "handled_segments_before": ("Handled before", "count"),
    "open_seconds": ("Open for", "seconds"),
    "is_enough": ("30 or more", "yes"),
    "is_in_governed_numerator": ("In time", "yes"),
    "is_in_governed_denominator": ("Counted", "yes"),
    "restated_at": ("Restated (UTC)", "instant"),
}

_WEEKDAYS = ("", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NUMERIC = frozenset({"ratio", "points", "distance", "seconds", "count", "number", "id"})


def label(column: str) -> str:
    """A column's label in tables and tooltips."""
    return COLUMNS[column][0] if column in COLUMNS else column.replace("_", " ").capitalize()


def kind_of(column: str) -> str:
    """A column's kind. For columns that are not listed, the end of the name decides."""
    if column in COLUMNS:
        return COLUMNS[column][1]
    for ending in ("_before", "_change"):
        if column.removesuffix(ending) in COLUMNS:
            kind = COLUMNS[column.removesuffix(ending)][1]
            return "points" if kind == "ratio" and ending == "_change" else kind
    if column.endswith("_seconds"):
        return "seconds"
    if column.startswith("service_level_"):
        return "ratio"
    if column.endswith(("_rate", "_share")):
        return "ratio"
    return "number"


def written(value: Any, kind: str) -> str:
    """A value as text."""
    if value is None:
        return NOTHING
    match kind:
        case "ratio":
            return f"{value:.1%}".replace("%", " %")
        case "points":
            return f"{value:+.1%}".replace("%", " pts").replace("-", "−")
        case "distance":
            return f"{abs(value):.1%}".replace("%", " pts")
        case "seconds":
            return duration(value)
        case "count":
            return f"{value:,.0f}"
        case "number":
            return f"{value:,.4g}" if isinstance(value, float) else str(value)
        case "weekday":
            return _WEEKDAYS[value]
        case "hour":
            return f"{value:02d}:00"
        case "flag":
            return "final" if value else "provisional"
        case "yes":
            return "yes" if value else "no"
        case "word":
            return str(value).replace("_", " ")
    return plain(value)


def plain(value: Any) -> str:
    """Dates and times in ISO form, to the minute; anything else as it is."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    return NOTHING if value is None else str(value)


def duration(seconds: float) -> str:
    """`45 s`, `5:09 min` or `1:02:05 h`."""
    whole = round(seconds)
    if abs(whole) < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h"


def number(value: Any, column: str, kind: str = "") -> Markup:
    """A value as HTML. Numbers carry their exact value in an attribute, for scripts and tests.

    Dates carry their ISO form; the page's script writes them as the reader's locale does.
    """
    kind = kind or kind_of(column)
    shown = written(value, kind)
    if isinstance(value, datetime):
        iso = value.isoformat()
        return Markup('<time datetime="{}">{}</time>').format(iso, shown)
    if isinstance(value, date):
        return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), shown)
    if kind in NUMERIC and value is not None:
        return Markup('<data value="{}" data-column="{}">{}</data>').format(value, column, shown)
    return escape(shown)
