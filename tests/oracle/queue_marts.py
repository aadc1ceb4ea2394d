"""The marts of queue segments: parts summed from segments, ratios from parts."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tests.oracle import rules
from tests.oracle.cells import Cells, Row, grouped
from tests.oracle.centre import Centre, interval_start
from tests.oracle.percentiles import percentile, ratio
from tests.oracle.segments import QueueSegment

ENDS = ("answered", "abandoned", "flowed_out", "failed")
PARTS = (
    *("offered", "answered", "answered_in_sl", "abandoned", "short_abandoned", "abandoned_in_sl"),
    *("abandoned_after_target", "ringing_abandoned", "flowed_out", "failed", "in_progress"),
    *("vendor_in_sla", "vendor_not_in_sla", "service_level_numerator", "service_level_denominator"),
    *("offered_with_target", "answered_with_target", "abandoned_with_target", "short_abandoned_with_target"),
)
WAITS = ("wait_seconds", *(f"{end}_wait_seconds" for end in ENDS))
LONGEST = ("longest_wait_seconds", *(f"longest_{end}_wait_seconds" for end in ENDS))
SERVICE_LEVELS = (
    *("service_level", "service_level_excl_short_abandons", "service_level_incl_short_abandons"),
    *("service_level_offered", "service_level_abandons_ignored", "service_level_abandons_positive"),
    *("service_level_answered_only", "service_level_vendor"),
)
ABANDONMENT = (
    *("abandonment_rate", "abandonment_rate_gross", "abandonment_rate_vendor", "short_abandonment_rate"),
    *("average_speed_of_answer", "average_queue_time", "average_abandon_time"),
)
SHARES = {"p50": 0.5, "p80": 0.8, "p90": 0.9, "p95": 0.95}

MART_SERVICE_LEVEL = (
    *("offered", "answered", "answered_in_sl", "abandoned", "short_abandoned", "abandoned_in_sl"),
    *("abandoned_after_target", "flowed_out", "failed", "in_progress", "vendor_in_sla", "vendor_not_in_sla"),
    *("service_level_numerator", "service_level_denominator", "target_percent", "is_target_met"),
    *("offered_with_target", "answered_with_target", "abandoned_with_target", "short_abandoned_with_target"),
    *SERVICE_LEVELS,
)
MART_ABANDONMENT = (
    *("offered", "answered", "abandoned", "short_abandoned", "ringing_abandoned", "flowed_out", "failed"),
    *("in_progress", *WAITS, *LONGEST, *ABANDONMENT),
)


def queue_marts(centre: Centre) -> list[Cells]:
    """Every mart whose rows are made of queue segments."""
    segments = [segment for some in centre.segments.values() for segment in some]
    reported = rules.REPORTED_MINUTES
    service_level = Cells("mart_service_level", ("interval_start_at", "queue_id", "language", "call_type"))
    service_level.rows = _intervals(centre, segments, reported, MART_SERVICE_LEVEL)
    abandonment = Cells("mart_abandonment", service_level.keys)
    abandonment.rows = _intervals(centre, segments, reported, MART_ABANDONMENT)
    intervals = Cells("mart_queue_intervals", ("interval_minutes", *service_level.keys))
    columns = (*PARTS, *WAITS, *LONGEST, *SERVICE_LEVELS, "target_percent", "is_target_met", *ABANDONMENT)
    for minutes in (15, 30, 60):
        rows = _intervals(centre, segments, minutes, columns)
        intervals.rows |= {(minutes, *key): row for key, row in rows.items()}
    return [service_level, abandonment, intervals, _days(centre, segments), _percentiles(centre, segments)]


def _intervals(
    centre: Centre, segments: Sequence[QueueSegment], minutes: int, columns: Sequence[str]
) -> dict[tuple[Any, ...], Row]:
    groups = grouped(
        segments,
        lambda each: (
            interval_start(each.entered_at, minutes), each.queue_id, each.language, each.call.call_type
        ),
    )  # fmt: skip
    rows: dict[tuple[Any, ...], Row] = {}
    for key, members in groups.items():
        start, queue_id = key[0], key[1]
        parts = _everything(members)
        rows[key] = {column: parts[column] for column in columns} | {
            "interval_start_local": centre.local_clock(start, queue_id),
            "local_date": centre.local_date(start, queue_id),
            "utc_offset_minutes": centre.offset_minutes(start, queue_id),
            "queue_name": centre.queue_name(queue_id),
            "is_business_hours": None,  # no hours are given as shipped
            "is_final": centre.is_final(start + dt.timedelta(minutes=minutes), parts["in_progress"] > 0),
        }
    return rows


def _days(centre: Centre, segments: Sequence[QueueSegment]) -> Cells:
    days = Cells("mart_queue_days", ("queue_id", "local_date"))
    columns = (*PARTS, *WAITS, *LONGEST, *SERVICE_LEVELS, "target_percent", *ABANDONMENT)
    compliance = _compliance(centre, segments)
    groups = grouped(segments, lambda each: (each.queue_id, _day(centre, each)))
    for (queue_id, date), members in groups.items():
        parts = _everything(members)
        judged = compliance.get((queue_id, date), [])
        days.rows[queue_id, date] = {column: parts[column] for column in columns} | {
            "queue_name": centre.queue_name(queue_id),
            "intervals_judged": len(judged),
            "intervals_on_target": sum(judged),
            "interval_sl_compliance": ratio(sum(judged), len(judged)),
            "is_final": centre.is_final(centre.day_end(date, queue_id), parts["in_progress"] > 0),
        }
    return days


def _day(centre: Centre, segment: QueueSegment) -> dt.date:
    return centre.local_date(segment.entered_at, segment.queue_id)


def _compliance(centre: Centre, segments: Sequence[QueueSegment]) -> dict[tuple[int, dt.date], list[bool]]:
    """Whether each interval that can be judged was on target, by queue and date.

    One that midnight cuts, in a zone that is 45 minutes off, belongs to the first of its dates that saw anything.
    """
    verdicts: dict[tuple[int, dt.date], list[bool]] = {}
    groups = grouped(
        segments, lambda each: (each.queue_id, interval_start(each.entered_at, rules.REPORTED_MINUTES))
    )
    for (queue_id, _), members in groups.items():
        met = _everything(members)["is_target_met"]
        if met is not None:
            date = min(_day(centre, each) for each in members)
            verdicts.setdefault((queue_id, date), []).append(met)
    return verdicts


def _everything(segments: Sequence[QueueSegment]) -> Row:
    """Parts, waits, maxima and ratios of some segments."""
    row = _parts(segments) | _waits(segments)
    row["target_percent"] = max(
        (each.target_percent for each in segments if each.target_percent is not None), default=None
    )
    return row | _service_levels(row) | _abandonment(row)


def _parts(segments: Sequence[QueueSegment]) -> Row:
    def count(condition: Callable[[QueueSegment], bool]) -> int:
        return sum(1 for each in segments if condition(each))

    outcomes = Counter(each.outcome for each in segments)
    answered_in_sl = count(lambda each: each.is_answered_in_sl)
    vendor = [each.vendor_event for each in segments]
    return {
        "offered": count(lambda each: each.is_offered),
        **{end: outcomes[end] for end in (*ENDS, "in_progress")},
        "answered_in_sl": answered_in_sl,
        "short_abandoned": count(lambda each: each.is_short_abandon),
        "abandoned_in_sl": count(lambda each: each.is_abandoned_in_sl),
        "abandoned_after_target": count(lambda each: each.is_abandoned_after_target),
        "ringing_abandoned": count(lambda each: each.is_ringing),
        "vendor_in_sla": sum(1 for event in vendor if event in rules.VENDOR_IN),
        "vendor_not_in_sla": sum(1 for event in vendor if event in rules.VENDOR_COUNTED - rules.VENDOR_IN),
        "service_level_numerator": answered_in_sl,
        "service_level_denominator": count(
            lambda each: (
                each.target_seconds is not None
                and each.outcome in ("answered", "abandoned")
                and not each.is_short_abandon
            )
        ),
        **{f"{part}_with_target": count(condition) for part, condition in _WITH_TARGET.items()},
    }


_WITH_TARGET: dict[str, Callable[[QueueSegment], bool]] = {
    "offered": lambda each: each.target_seconds is not None and each.is_offered,
    "answered": lambda each: each.target_seconds is not None and each.outcome == "answered",
    "abandoned": lambda each: each.target_seconds is not None and each.outcome == "abandoned",
    "short_abandoned": lambda each: each.target_seconds is not None and each.is_short_abandon,
}


def _waits(segments: Sequence[QueueSegment]) -> Row:
    row: Row = {}
    for name, outcomes in {"": ENDS, **{f"{end}_": (end,) for end in ENDS}}.items():
        waits = [each.wait_seconds for each in segments if each.outcome in outcomes]
        row[f"{name}wait_seconds"] = sum(waits)
        row[f"longest_{name}wait_seconds"] = max(waits, default=None)
    return row


def _service_levels(row: Row) -> Row:
    served, answered = row["answered_in_sl"], row["answered_with_target"]
    abandoned = row["abandoned_with_target"]
    not_short = answered + abandoned - row["short_abandoned_with_target"]
    numerator, denominator = row["service_level_numerator"], row["service_level_denominator"]
    percent = row["target_percent"]
    unjudged = percent is None or not (row["offered_with_target"] or denominator)
    return {
        "service_level": ratio(numerator, denominator),
        "service_level_excl_short_abandons": ratio(served, not_short),
        "service_level_incl_short_abandons": ratio(served, answered + abandoned),
        "service_level_offered": ratio(served, row["offered_with_target"]),
        "service_level_abandons_ignored": ratio(served, answered + row["abandoned_after_target"]),
        "service_level_abandons_positive": ratio(served + row["abandoned_in_sl"], not_short),
        "service_level_answered_only": ratio(served, answered),
        "service_level_vendor": ratio(row["vendor_in_sla"], row["vendor_in_sla"] + row["vendor_not_in_sla"]),
        "is_target_met": None if unjudged else denominator > 0 and numerator * 100 >= percent * denominator,
    }


def _abandonment(row: Row) -> Row:
    offered, answered, abandoned = row["offered"], row["answered"], row["abandoned"]
    short = row["short_abandoned"]
    return {
        "abandonment_rate": ratio(abandoned - short, offered - short),
        "abandonment_rate_gross": ratio(abandoned, offered),
        "abandonment_rate_vendor": ratio(abandoned - short, answered + abandoned - short),
        "short_abandonment_rate": ratio(short, offered),
        "average_speed_of_answer": ratio(row["answered_wait_seconds"], answered),
        "average_queue_time": ratio(row["wait_seconds"], offered),
        "average_abandon_time": ratio(row["abandoned_wait_seconds"], abandoned),
    }


def _percentiles(centre: Centre, segments: Sequence[QueueSegment]) -> Cells:
    cells = Cells("mart_wait_percentiles", ("percentiles_of", "queue_id", "local_date"))
    groupings: dict[str, Callable[[QueueSegment], tuple[int | None, dt.date | None]]] = {
        "queue and day": lambda each: (each.queue_id, _day(centre, each)),
        "queue": lambda each: (each.queue_id, None),
        "day": lambda each: (None, _day(centre, each)),
        "overall": lambda each: (None, None),
    }
    for name, key in groupings.items():
        for cell, members in grouped(segments, key).items():
            cells.rows[name, *cell] = _wait_percentiles(members)
    return cells


def _wait_percentiles(segments: Sequence[QueueSegment]) -> Row:
    row: Row = {}
    for count, prefix, outcomes in (
        ("offered", "", ENDS), ("answered", "answered_", ("answered",)), ("abandoned", "abandoned_", ("abandoned",)),
    ):  # fmt: skip
        waits = [each.wait_seconds for each in segments if each.outcome in outcomes]
        row[count] = len(waits)
        row |= {f"{prefix}wait_{name}_seconds": percentile(waits, share) for name, share in SHARES.items()}
    row["longest_wait_seconds"] = max(
        (each.wait_seconds for each in segments if each.is_offered), default=None
    )
    return row
