"""Superset's datasets: columns, types and descriptions as the marts have them, and metrics read from the descriptions.

The description of a ratio begins with its formula over columns of the same mart (`handle_seconds / handled_segments`). The
metric sums both sides, so it is right over any selection. Parts that do not add up over rows ("Not additive") make no metric.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, inspect

NAMESPACE = uuid.UUID("5b0c1f2e-7c1d-4c39-9c53-0d5a4f6f8a11")
"""Ids are made from names, so that a second import replaces the first."""
SCHEMA = "marts"
VERSION = "1.0.0"

DATES = {
    "mart_queue_days": "local_date",
    "mart_service_level": "local_date",
    "mart_abandonment": "local_date",
    "mart_queue_handle_time": "local_date",
    "mart_agent_handle_time": "local_date",
    "mart_transfers": "local_date",
    "mart_completeness": "day_utc",
    "mart_publication": "data_until",
}
"""The marts that become datasets, and the column that the dashboard's dates apply to."""
ROWS = {"mart_queue_handle_time": "interval_minutes = 60"}
"""A mart that holds the same work several times shows one of them."""
TIME_OF_DAY = "substr(cast(interval_start_local as varchar), 12, 5)"
TARGET = (
    "cast(sum(target_percent * service_level_denominator) as double precision) / 100"
    " / nullif(sum(case when target_percent is not null then service_level_denominator end), 0)"
)
"""The targets of the selection, weighted as the service level is."""

GAP = (
    "cast(sum(service_level_numerator) as double precision) / nullif(sum(service_level_denominator), 0) - "
    + TARGET
)
WORDS = {"acw": "wrap-up", "api": "API", "sl": "service level", "utc": "(UTC)", "va": "virtual agent"}
"""Parts of column names that readers do not know."""

_SIDE = r"(\w+|\([\w\s+−]+\))"
_FORMULA = re.compile(rf"{_SIDE} / {_SIDE}")


@dataclass(frozen=True)
class Metric:
    """A metric of a dataset. `column` is the mart's column that it is for one row."""

    name: str
    column: str
    expression: str
    description: str
    format: str


def made_id(kind: str, name: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{kind} {name}"))


def title(column: str) -> str:
    """`service_level` → Service level."""
    words = " ".join(WORDS.get(word, word) for word in column.split("_"))
    return words[:1].upper() + words[1:]


def metrics(columns: Iterable[dict[str, Any]]) -> list[Metric]:
    """The ratios that the columns' descriptions define, and the sums of their parts."""
    described = {column["name"]: column["comment"] or "" for column in columns}
    ratios, parts = [], set()
    for name, comment in described.items():
        formula = _FORMULA.search(comment)
        if not formula:
            continue
        used = set(re.findall(r"[a-z]\w+", formula[0]))
        if not used <= described.keys() or any("Not additive" in described[part] for part in used):
            continue
        parts |= used
        upper, lower = (_summed(side) for side in formula.groups())
        ratios.append(
            Metric(
                title(name),
                name,
                f"cast({upper} as double precision) / nullif({lower}, 0)",
                comment,
                ",.0f" if comment.startswith("Seconds") else ".1%",
            )
        )
    if {"target_percent", "service_level_denominator"} <= described.keys():
        ratios += [
            Metric("Target", "", TARGET, "Of the queues, weighted as the service level is.", ".1%"),
            Metric("Gap to target", "", GAP, "Service level − target.", "+.1%"),
        ]
    sums = [
        Metric(title(name), name, f"sum({name})", comment, ",d")
        for name, comment in described.items()
        if name in parts
    ]
    return ratios + sums


def _summed(side: str) -> str:
    return re.sub(r"[a-z]\w+", lambda name: f"sum({name[0]})", side).replace("−", "-")


def dataset(engine: Engine, mart: str) -> dict[str, Any]:
    """A mart as Superset imports it."""
    inspector = inspect(engine)
    columns = inspector.get_columns(mart, SCHEMA)
    found = [_column(each["name"], str(each["type"]), each["comment"] or "") for each in columns]
    if any(each["name"] == "interval_start_local" for each in columns):
        time_of_day = _column("time_of_day", "VARCHAR", "Start of the interval on a clock on the wall.")
        found.append(time_of_day | {"expression": TIME_OF_DAY})
    where = ROWS.get(mart)
    return {
        "table_name": mart if not where else f"{mart}, 60 minutes",
        "main_dttm_col": DATES[mart],
        "description": inspector.get_table_comment(mart, SCHEMA)["text"],
        "schema": SCHEMA,
        "sql": f"select * from {SCHEMA}.{mart} where {where}" if where else None,
        "filter_select_enabled": True,
        "uuid": made_id("dataset", mart),
        "database_uuid": made_id("database", SCHEMA),
        "columns": found,
        "metrics": [
            {
                "metric_name": each.name,
                "verbose_name": each.name,
                "expression": each.expression,
                "description": each.description,
                "d3format": each.format,
            }
            for each in metrics(columns)
        ],
        "version": VERSION,
    }


def _column(name: str, kind: str, comment: str) -> dict[str, Any]:
    return {
        "column_name": name,
        "verbose_name": title(name),
        "is_dttm": kind.startswith(("DATE", "TIMESTAMP")),
        "type": kind,
        "groupby": True,
        "filterable": True,
        "description": comment,
    }
