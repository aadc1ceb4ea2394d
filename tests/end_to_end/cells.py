"""The marts' cells, counted in Python from what really happened in the simulated centre.

The rules are those of the metrics' definitions: a queue segment belongs to the half hour in which it
entered the queue, target and abandon threshold are inclusive, a handled segment needs talk or hold,
and a supervisor listening in is not a contact.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from simulator.centre import Truth

Cells = dict[tuple[Any, ...], dict[str, int]]

QUEUE_KEY = ("interval_start_at", "queue_id", "language", "call_type")
QUEUE_PARTS = (
    "offered",
    "answered",
    "answered_in_sl",
    "abandoned",
    "short_abandoned",
    "abandoned_in_sl",
    "flowed_out",
    "failed",
)
AGENT_KEY = ("agent_id", "direction", "local_date")
AGENT_PARTS = (
    "handled_segments",
    "handled_calls",
    "talk_seconds",
    "hold_seconds",
    "acw_seconds",
    "bcw_seconds",
    "ring_seconds",
    "handle_seconds",
)


def half_hour(moment: datetime) -> datetime:
    """The start of the half hour (UTC)."""
    return moment - timedelta(
        minutes=moment.minute % 30, seconds=moment.second, microseconds=moment.microsecond
    )


def queue_cells(truth: Truth) -> Cells:
    """Parts by interval, queue, language and call type, with waits by outcome."""
    cells: Cells = defaultdict(lambda: defaultdict(int))
    for segment in truth.queue_segments:
        if segment.outcome == "in_progress":
            continue
        key = (half_hour(segment.entered_at), segment.queue_id, segment.language, segment.call_type)
        cell, wait = cells[key], segment.wait_seconds
        in_target = wait <= segment.target_seconds
        short = wait <= segment.abandon_threshold_seconds
        abandoned = segment.outcome == "abandoned"
        cell["offered"] += 1
        cell[segment.outcome] += 1
        cell["answered_in_sl"] += segment.outcome == "answered" and in_target
        cell["short_abandoned"] += abandoned and short
        cell["abandoned_in_sl"] += abandoned and not short and in_target
        cell["wait_seconds"] += wait
        cell["longest_wait_seconds"] = max(cell["longest_wait_seconds"], wait)
        if segment.outcome in ("answered", "abandoned"):
            cell[f"{segment.outcome}_wait_seconds"] += wait
    return cells


def agent_cells(truth: Truth, time_zone: str) -> Cells:
    """Parts by agent, direction and local date."""
    zone = ZoneInfo(time_zone)
    cells: Cells = defaultdict(lambda: defaultdict(int))
    calls: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for segment in truth.handled_segments:
        if segment.barged:
            continue
        key = (segment.agent_id, segment.direction, segment.started_at.astimezone(zone).date())
        cell = cells[key]
        if segment.talk_seconds + segment.hold_seconds > 0:
            cell["handled_segments"] += 1
            calls[key].add(segment.call_id)
        for part in ("talk", "hold", "acw", "bcw", "ring"):
            cell[f"{part}_seconds"] += getattr(segment, f"{part}_seconds")
        cell["handle_seconds"] += segment.talk_seconds + segment.hold_seconds + segment.acw_seconds
    for key, found in calls.items():
        cells[key]["handled_calls"] = len(found)
    return cells
