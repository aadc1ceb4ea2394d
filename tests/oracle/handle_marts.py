"""The marts of handled segments: seconds of agents, the transfers out of their segments, and when they were busy."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tests.oracle.cells import Cells, Row, grouped
from tests.oracle.centre import BASE_MINUTES, Centre, interval_start
from tests.oracle.handled import NOBODY, HandledSegment
from tests.oracle.percentiles import ratio
from tests.oracle.raw import elapsed
from tests.oracle.transfers import Transfer

LONGEST = dt.timedelta(days=1)
"""No segment is believed to last longer: one that ends years later would fill years with busy time."""

COUNTS = (
    *("handled_segments", "handled_calls", "held_segments", "short_calls"),
    *("transfers_out", "cold_transfers_out", "warm_transfers_out", "transferred_calls"),
)
SECONDS = (
    *("talk_seconds", "hold_seconds", "acw_seconds", "bcw_seconds", "ring_seconds"),
    *("handle_seconds", "vendor_handle_seconds"),
)
RATIOS = (
    *(
        "average_handle_time",
        "average_handle_time_vendor",
        "average_handle_time_per_call",
        "average_talk_time",
    ),
    *("average_hold_time", "average_acw_time", "average_hold_time_held", "hold_rate", "short_call_rate"),
    *("transfer_rate", "cold_transfer_rate", "warm_transfer_rate", "calls_with_transfer_rate"),
)


@dataclass(frozen=True)
class Work:
    """A segment, with the completed transfers out of it; a barged one makes a row, but adds nothing to it."""

    segment: HandledSegment
    transfers: tuple[Transfer, ...]

    @property
    def direction(self) -> str:
        """Of the call."""
        return self.segment.call.direction


def handle_marts(centre: Centre) -> list[Cells]:
    """Every mart whose rows are made of handled segments."""
    work = _work(centre)
    return [_agent_days(centre, work), _queue_intervals(centre, work), _agent_intervals(centre, work)]


def _work(centre: Centre) -> list[Work]:
    return [
        Work(segment, tuple(each for each in centre.transfers[call_id] if each.left is segment))
        for call_id, segments in centre.handled.items()
        for segment in segments
    ]


def _agent_days(centre: Centre, work: Sequence[Work]) -> Cells:
    cells = Cells("mart_agent_handle_time", ("agent_id", "direction", "local_date"))
    groups = grouped(
        work,
        lambda each: (each.segment.agent_id, each.direction, centre.local_date(each.segment.started_at)),
    )
    for key, members in groups.items():
        parts = _parts(members)
        cells.rows[key] = {column: parts[column] for column in (*COUNTS, *SECONDS, *RATIOS)} | {
            "agent_name": "no agent" if key[0] == NOBODY else centre.agent_name(key[0])
        }
    return cells


def _queue_intervals(centre: Centre, work: Sequence[Work]) -> Cells:
    keys = ("interval_minutes", "interval_start_at", "queue_id", "direction")
    cells = Cells("mart_queue_handle_time", keys)
    for minutes in (15, 30, 60):
        groups = grouped(work, partial(_queue_cell, minutes))
        for key, members in groups.items():
            start, queue_id = key[1], key[2]
            parts = _parts(members)
            is_open = any(not each.segment.call.is_ended for each in members)
            cells.rows[key] = {
                column: parts[column] for column in (*COUNTS, "call_seconds", *SECONDS, *RATIOS)
            } | {
                "interval_start_local": centre.local_clock(start, queue_id),
                "local_date": centre.local_date(start, queue_id),
                "queue_name": "no queue" if queue_id == NOBODY else centre.queue_name(queue_id),
                "is_final": centre.is_final(start + dt.timedelta(minutes=minutes), is_open),
            }
    return cells


def _queue_cell(minutes: int, work: Work) -> tuple[int, dt.datetime, int, str]:
    queue_id = work.segment.queue_id
    start = interval_start(work.segment.started_at, minutes)
    return (minutes, start, NOBODY if queue_id is None else queue_id, work.direction)


def _agent_intervals(centre: Centre, work: Sequence[Work]) -> Cells:
    cells = Cells("agg_agent_intervals", ("agent_id", "direction", "interval_start_at"))
    begun = grouped(
        work,
        lambda each: (
            each.segment.agent_id, each.direction, interval_start(each.segment.started_at, BASE_MINUTES)
        ),
    )  # fmt: skip
    busy = _busy_seconds(work)
    for key in begun.keys() | busy.keys():
        members = begun.get(key, [])
        parts = _parts(members)
        is_open = sum(1 for each in members if not each.segment.call.is_ended)
        end = key[2] + dt.timedelta(minutes=BASE_MINUTES)
        cells.rows[key] = {column: parts[column] for column in (*COUNTS, "call_seconds", *SECONDS)} | {
            "interval_start_local": centre.local_clock(key[2]),
            "local_date": centre.local_date(key[2]),
            "open_segments": is_open,
            "agent_busy_seconds": busy.get(key, 0),
            "is_final": centre.is_final(end, is_open > 0),
        }
    return cells


def _busy_seconds(work: Sequence[Work]) -> dict[tuple[int, str, dt.datetime], int]:
    """Each second once, of the row of work that began first, in the base interval it lies in."""
    busy: dict[tuple[int, str, dt.datetime], int] = defaultdict(int)
    named = [each for each in work if each.segment.agent_id != NOBODY and not each.segment.is_barged]
    for agent_id, members in grouped(named, lambda each: each.segment.agent_id).items():
        covered_until = dt.datetime.min.replace(tzinfo=dt.UTC)
        stretches = [
            (start, each.segment.call.call_id, each.segment.leg, place, end, each.direction)
            for each in members
            for place, (start, end) in enumerate(each.segment.stretches)
        ]
        for started_at, _, _, _, told_end, direction in sorted(stretches):
            end = min(told_end, started_at + LONGEST)
            at = max(started_at, covered_until)
            while at < end:
                start = interval_start(at, BASE_MINUTES)
                until = min(end, start + dt.timedelta(minutes=BASE_MINUTES))
                busy[agent_id, direction, start] += elapsed(at, until)
                at = until
            covered_until = max(covered_until, end)
    return busy


def _parts(work: Sequence[Work]) -> Row:
    """Counts, seconds and ratios of some segments."""
    segments = [each.segment for each in work if not each.segment.is_barged]
    handled = [each for each in segments if each.is_handled]
    out = [transfer for each in work for transfer in each.transfers]
    row: Row = {
        "handled_segments": len(handled),
        "handled_calls": len({each.call.call_id for each in handled}),
        "held_segments": sum(1 for each in handled if each.hold_seconds > 0),
        "short_calls": sum(1 for each in handled if each.is_short),
        "transfers_out": len(out),
        "cold_transfers_out": sum(1 for each in out if each.kind == "cold"),
        "warm_transfers_out": sum(1 for each in out if each.kind == "warm"),
        "transferred_calls": len({each.call.call_id for each in out}),
        "call_seconds": sum(each.call_seconds for each in segments),
        "talk_seconds": sum(each.talk_seconds for each in segments),
        "hold_seconds": sum(each.hold_seconds for each in segments),
        "acw_seconds": sum(each.acw_seconds for each in segments),
        "bcw_seconds": sum(each.bcw_seconds for each in segments),
        "ring_seconds": sum(each.ring_seconds for each in segments),
    }
    row["handle_seconds"] = row["talk_seconds"] + row["hold_seconds"] + row["acw_seconds"]
    row["vendor_handle_seconds"] = row["bcw_seconds"] + row["call_seconds"] + row["acw_seconds"]
    return row | _ratios(row)


def _ratios(row: Row) -> Row:
    handled = row["handled_segments"]
    return {
        "average_handle_time": ratio(row["handle_seconds"], handled),
        "average_handle_time_vendor": ratio(row["vendor_handle_seconds"], handled),
        "average_handle_time_per_call": ratio(row["handle_seconds"], row["handled_calls"]),
        "average_talk_time": ratio(row["talk_seconds"], handled),
        "average_hold_time": ratio(row["hold_seconds"], handled),
        "average_acw_time": ratio(row["acw_seconds"], handled),
        "average_hold_time_held": ratio(row["hold_seconds"], row["held_segments"]),
        "hold_rate": ratio(row["held_segments"], handled),
        "short_call_rate": ratio(row["short_calls"], handled),
        "transfer_rate": ratio(row["transfers_out"], handled),
        "cold_transfer_rate": ratio(row["cold_transfers_out"], handled),
        "warm_transfer_rate": ratio(row["warm_transfers_out"], handled),
        "calls_with_transfer_rate": ratio(row["transferred_calls"], row["handled_calls"]),
    }
