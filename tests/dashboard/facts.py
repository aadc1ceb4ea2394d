"""The expected numbers of every panel, computed in Python from the facts, without the panels' SQL."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

Row = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """A selection, as in the URL."""

    from_date: date
    to_date: date
    queues: tuple[int, ...] = ()
    language: str = ""
    call_type: str = ""
    direction: str = "inbound"
    agent: int | None = None

    @property
    def query(self) -> dict[str, Any]:
        given = {
            "from": self.from_date,
            "to": self.to_date,
            "queue": self.queues,
            "language": self.language,
            "call_type": self.call_type,
            "direction": self.direction,
            "agent": self.agent,
        }
        return {
            name: [str(each) for each in value] if isinstance(value, tuple) else str(value)
            for name, value in given.items()
            if value not in ("", None, ())
        }

    def has_date(self, row: Row) -> bool:
        return self.from_date <= row["local_date"] <= self.to_date

    def has_queue(self, row: Row) -> bool:
        return not self.queues or row["queue_id"] in self.queues

    def has_type(self, row: Row) -> bool:
        return not self.call_type or row["call_type"] == self.call_type

    def has_language(self, row: Row) -> bool:
        return not self.language or row["language"] == self.language

    def before(self) -> Choice:
        """The same weekdays before."""
        days = (self.to_date - self.from_date).days + 1
        shift = timedelta(days=math.ceil(days / 7) * 7)
        return Choice(
            self.from_date - shift,
            self.to_date - shift,
            self.queues,
            self.language,
            self.call_type,
            self.direction,
        )


class Facts:
    """The facts, and marts without a finer source, read completely."""

    def __init__(self, copy: Path) -> None:
        with duckdb.connect(str(copy), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")

            def read(query: str) -> list[Row]:
                found = connection.sql(query)
                return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]

            self.segments = read(
                "select s.*, q.queue_name as newest_name, timezone(q.reporting_timezone, s.entered_queue_at) as entered"
                " from marts.fct_queue_segments s join marts.dim_queues q using (queue_id)"
            )
            self.handled = read("select * from marts.fct_handled_segments")
            self.deflections = read("select * from marts.mart_deflection_and_callbacks")
            self.menus = read("select * from marts.mart_ivr")
            self.staffing = read("select * from marts.mart_staffing")
            self.completeness = read("select * from marts.mart_completeness")
            self.reconciliation = read("select * from marts.mart_service_level_reconciliation")
            self.intervals = read("select * from marts.mart_queue_intervals where interval_minutes = 30")
            self.percentiles = read(
                "select * from marts.mart_wait_percentiles where percentiles_of = 'queue'"
            )
            self.publication = read("select * from marts.mart_publication")[0]
            self.agents = {
                row["agent_id"]: row["agent_name"] for row in read("select * from marts.dim_agents")
            }

    def chosen(self, choice: Choice) -> list[Row]:
        """Queue segments of the selection."""
        tests = (choice.has_date, choice.has_queue, choice.has_type, choice.has_language)
        return [row for row in self.segments if all(test(row) for test in tests)]

    def worked_on(self, choice: Choice) -> list[Row]:
        """Handled segments of the selection and its direction."""
        return [
            row
            for row in self.handled
            if choice.has_date(row) and choice.has_queue(row) and row["direction"] == choice.direction
        ]

    def sums(self, rows: Sequence[Row], choice: Choice, *columns: str) -> dict[str, int]:
        """Sums over rows of a mart that have no language."""
        chosen = [
            row for row in rows if choice.has_date(row) and choice.has_queue(row) and choice.has_type(row)
        ]
        return {column: sum(row[column] or 0 for row in chosen) for column in columns}


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def count(rows: Iterable[Row], test: Callable[[Row], Any]) -> int:
    return sum(1 for row in rows if test(row))


def offered(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["outcome"] != "in_progress"]


def ended_as(rows: Sequence[Row], outcome: str) -> list[Row]:
    return [row for row in rows if row["outcome"] == outcome]


def queue_numbers(rows: Sequence[Row]) -> Row:
    """The numbers of queue segments, by their definitions."""
    all_offered, answered, abandoned = offered(rows), ended_as(rows, "answered"), ended_as(rows, "abandoned")
    counted = [row for row in rows if row["is_in_governed_denominator"]]
    short = count(abandoned, lambda row: row["is_short_abandon"])
    with_target = [row for row in rows if row["target_seconds"] is not None]
    in_sl = count(answered, lambda row: row["is_answered_in_sl"])
    of_target = {
        "offered": len(offered(with_target)),
        "answered": len(ended_as(with_target, "answered")),
        "abandoned": len(ended_as(with_target, "abandoned")),
        "short": count(ended_as(with_target, "abandoned"), lambda row: row["is_short_abandon"]),
    }
    late = count(abandoned, lambda row: row["is_abandoned_after_target"])
    in_time = count(abandoned, lambda row: row["is_abandoned_in_sl"])
    governed = of_target["answered"] + of_target["abandoned"] - of_target["short"]
    vendor_in, vendor_out = (count(rows, lambda row, flag=flag: row[flag]) for flag in _VENDOR)
    level = ratio(count(rows, lambda row: row["is_in_governed_numerator"]), len(counted))
    target = ratio(sum(row["target_percent"] for row in counted), 100 * len(counted))
    return {
        "offered": len(all_offered),
        "answered": len(answered),
        "abandoned": len(abandoned),
        "service_level": level,
        "target_level": target,
        "service_level_gap": None if level is None or target is None else level - target,
        "service_level_excl_short_abandons": ratio(in_sl, governed),
        "service_level_incl_short_abandons": ratio(in_sl, of_target["answered"] + of_target["abandoned"]),
        "service_level_offered": ratio(in_sl, of_target["offered"]),
        "service_level_abandons_ignored": ratio(in_sl, of_target["answered"] + late),
        "service_level_abandons_positive": ratio(in_sl + in_time, governed),
        "service_level_answered_only": ratio(in_sl, of_target["answered"]),
        "service_level_vendor": ratio(vendor_in, vendor_in + vendor_out),
        "abandonment_rate": ratio(len(abandoned) - short, len(all_offered) - short),
        "abandonment_rate_gross": ratio(len(abandoned), len(all_offered)),
        "short_abandonment_rate": ratio(short, len(all_offered)),
        "average_speed_of_answer": ratio(sum(row["wait_seconds"] for row in answered), len(answered)),
        "average_abandon_time": ratio(sum(row["wait_seconds"] for row in abandoned), len(abandoned)),
        "longest_wait_seconds": max((row["wait_seconds"] for row in all_offered), default=None),
    }


_VENDOR = ("is_vendor_in_sla", "is_vendor_not_in_sla")


def handle_numbers(rows: Sequence[Row]) -> Row:
    """The numbers of handled segments, by their definitions."""
    handled = count(rows, lambda row: row["is_handled"])
    worked = [row for row in rows if not row["is_barged"]]

    def mean(part: str) -> float | None:
        return ratio(sum(row[part] for row in worked), handled)

    moved = sum(row["transfers_out"] for row in rows)
    return {
        "handled_segments": handled,
        "average_handle_time": mean("handle_seconds"),
        "average_talk_time": mean("talk_seconds"),
        "average_hold_time": mean("hold_seconds"),
        "average_acw_time": mean("acw_seconds"),
        "transfers_out": moved,
        "cold_transfers_out": sum(row["cold_transfers_out"] for row in rows),
        "warm_transfers_out": sum(row["warm_transfers_out"] for row in rows),
        "transfer_rate": ratio(moved, handled),
    }


def by(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    return {value: list(each) for value, each in groupby(sorted(rows, key=key), key=key)}


def half_hour(row: Row) -> datetime:
    entered: datetime = row["entered"]
    return entered.replace(minute=entered.minute // 30 * 30, second=0, microsecond=0)


def picked(row: Row, *columns: str) -> Row:
    return {column: row[column] for column in columns}


def interpolated(values: Sequence[float], share: float) -> float:
    """The percentile, interpolated between neighbours."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def still_waiting(rows: Sequence[Row]) -> dict[int, float]:
    """Kaplan–Meier: after each second in which somebody gave up, the share who would still wait."""
    waits = [row for row in offered(rows) if row["wait_seconds"] is not None]
    share, curve = 1.0, {}
    for second in sorted({row["wait_seconds"] for row in ended_as(waits, "abandoned")}):
        gone = count(
            waits, lambda row, at=second: row["outcome"] == "abandoned" and row["wait_seconds"] == at
        )
        share *= 1 - gone / count(waits, lambda row, at=second: row["wait_seconds"] >= at)
        curve[second] = share
    return curve


def middle(values: Iterable[float]) -> float:
    return float(median(values))
