"""The charts, and where each stands on the dashboard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bi.superset.datasets import DATES, VERSION, made_id

SERVICE_LEVEL, TARGET, VOLUME = "#1d5fa3", "#b4530a", "#b9c6d6"
"""The dashboard's blue, orange and grey: no red beside green."""
COLORS = {
    "Service level": SERVICE_LEVEL,
    "Target": TARGET,
    "Offered": VOLUME,
    "Abandonment rate": TARGET,
    "Average talk time": SERVICE_LEVEL,
    "Average hold time": TARGET,
    "Average wrap-up time": "#6d7f95",
}
INBOUND = {
    "clause": "WHERE",
    "expressionType": "SIMPLE",
    "subject": "direction",
    "operator": "==",
    "operatorId": "EQUALS",
    "comparator": "inbound",
}

ENOUGH = {"clause": "HAVING", "expressionType": "SQL", "sqlExpression": "sum(offered) >= 30"}
"""A rate of a few calls is noise."""


@dataclass(frozen=True)
class Chart:
    """A chart on a mart. Of the dashboard's twelve columns it takes `width`; `height` is in Superset's units of 8 px."""

    name: str
    mart: str
    kind: str
    width: int
    height: int
    settings: dict[str, Any] = field(default_factory=dict)
    description: str = ""

    @property
    def id(self) -> str:
        return made_id("chart", self.name)

    def body(self) -> dict[str, Any]:
        """The chart as Superset imports it. Every chart takes the dashboard's dates."""
        dates = {
            "clause": "WHERE",
            "expressionType": "SIMPLE",
            "subject": DATES[self.mart],
            "operator": "TEMPORAL_RANGE",
            "comparator": "No filter",
        }
        filters = [dates, *self.settings.get("adhoc_filters", [])]
        params = self.settings | {"viz_type": self.kind, "adhoc_filters": filters}
        return {
            "slice_name": self.name,
            "description": self.description or None,
            "viz_type": self.kind,
            "params": params,
            "uuid": self.id,
            "dataset_uuid": made_id("dataset", self.mart),
            "version": VERSION,
        }


def number(name: str, mart: str, metric: str, format: str, below: str, **more: Any) -> Chart:
    settings = {
        "metric": metric,
        "subtitle": below,
        "y_axis_format": format,
        "header_font_size": 0.4,
        "subtitle_font_size": 0.125,
    }
    return Chart(name, mart, "big_number_total", 2, 22, settings | more)


def table(name: str, mart: str, width: int, by: list[str], metrics: list[str], **more: Any) -> Chart:
    settings = {
        "query_mode": "aggregate",
        "groupby": by,
        "metrics": metrics,
        "show_cell_bars": False,
        "table_timestamp_format": "%Y-%m-%d",
        "row_limit": 100,
        "order_desc": True,
    }
    return Chart(name, mart, "table", width, 56, settings | more)


ROWS_OF_CHARTS: list[list[Chart]] = [
    [
        number("Service level", "mart_queue_days", "Service level", ".1%", "answered within target"),
        number("Target", "mart_queue_days", "Target", ".1%", "of the queues"),
        number("Abandonment", "mart_queue_days", "Abandonment rate", ".1%", "no short abandons"),
        number("Speed of answer", "mart_queue_days", "Average speed of answer", ",.0f", "seconds"),
        number(
            "Handle time",
            "mart_queue_handle_time",
            "Average handle time",
            ",.0f",
            "seconds, inbound",
            adhoc_filters=[INBOUND],
        ),
        number(
            "On target", "mart_queue_days", "Interval service level compliance", ".1%", "of the half hours"
        ),
    ],
    [
        Chart(
            "Service level and target by day",
            "mart_queue_days",
            "mixed_timeseries",
            6,
            48,
            {
                "x_axis": "local_date",
                "time_grain_sqla": "P1D",
                "metrics": ["Service level", "Target"],
                "metrics_b": ["Offered"],
                "groupby": [],
                "groupby_b": [],
                "adhoc_filters_b": [],
                "seriesType": "line",
                "seriesTypeB": "bar",
                "markerEnabled": True,
                "yAxisIndex": 0,
                "yAxisIndexB": 1,
                "y_axis_format": ".0%",
                "y_axis_bounds": [0, 1],
                "truncateYAxis": True,
                "y_axis_format_secondary": ",d",
                "x_axis_time_format": "%d %b",
                "tooltipTimeFormat": "%a %d %b",
                "rich_tooltip": True,
                "show_legend": True,
                "legendType": "plain",
                "truncate_metric": True,
                "truncate_metric_b": True,
                "row_limit": 1000,
                "row_limit_b": 1000,
            },
        ),
        Chart(
            "Service level and target by half hour of the day (30 calls or more)",
            "mart_service_level",
            "echarts_timeseries_line",
            6,
            48,
            {
                "x_axis": "time_of_day",
                "xAxisForceCategorical": True,
                "x_axis_sort": "time_of_day",
                "x_axis_sort_asc": True,
                "adhoc_filters": [ENOUGH],
                "metrics": ["Service level", "Target"],
                "groupby": [],
                "y_axis_format": ".0%",
                "y_axis_bounds": [0, 1],
                "truncateYAxis": True,
                "rich_tooltip": True,
                "show_legend": True,
                "legendType": "plain",
                "truncate_metric": True,
                "row_limit": 1000,
            },
        ),
    ],
    [
        table(
            "Queues, furthest below target first",
            "mart_queue_days",
            8,
            ["queue_name"],
            [
                "Offered",
                "Service level",
                "Target",
                "Gap to target",
                "Abandonment rate",
                "Average speed of answer",
            ],
            timeseries_limit_metric="Gap to target",
            order_desc=False,
            conditional_formatting=[
                {"column": "Gap to target", "operator": "<", "targetValue": 0, "colorScheme": TARGET}
            ],
        ),
        Chart(
            "Abandonment by half hour (30 calls or more)",
            "mart_abandonment",
            "echarts_timeseries_bar",
            4,
            56,
            {
                "x_axis": "time_of_day",
                "xAxisForceCategorical": True,
                "x_axis_sort": "time_of_day",
                "x_axis_sort_asc": True,
                "adhoc_filters": [ENOUGH],
                "metrics": ["Abandonment rate"],
                "groupby": [],
                "y_axis_format": ".0%",
                "rich_tooltip": True,
                "show_legend": False,
                "truncate_metric": True,
                "row_limit": 1000,
            },
        ),
    ],
    [
        Chart(
            "Seconds of a contact by queue, inbound",
            "mart_queue_handle_time",
            "echarts_timeseries_bar",
            6,
            60,
            {
                "x_axis": "queue_name",
                "xAxisForceCategorical": True,
                "x_axis_sort": "queue_name",
                "x_axis_sort_asc": False,
                "orientation": "horizontal",
                "stack": "Stack",
                "metrics": ["Average talk time", "Average hold time", "Average wrap-up time"],
                "groupby": [],
                "adhoc_filters": [INBOUND],
                "y_axis_format": ",.0f",
                "rich_tooltip": True,
                "show_legend": True,
                "legendType": "plain",
                "truncate_metric": True,
                "row_limit": 1000,
            },
        ),
        table(
            "Agents, inbound",
            "mart_agent_handle_time",
            6,
            ["agent_name"],
            ["Handled segments", "Average handle time", "Average wrap-up time", "Hold rate", "Transfer rate"],
            timeseries_limit_metric="Handled segments",
            adhoc_filters=[INBOUND],
        ),
    ],
    [
        table(
            "Transfers",
            "mart_transfers",
            6,
            ["from_queue_name", "to_queue_name"],
            ["Attempts", "Transfer completion rate", "Transfer failure rate"],
            timeseries_limit_metric="Attempts",
        ),
        table(
            "Is every day here?",
            "mart_completeness",
            4,
            [],
            [],
            query_mode="raw",
            all_columns=["day_utc", "landed", "counted_by_api", "verdict"],
            order_by_cols=['["day_utc", false]'],
            adhoc_filters=[
                INBOUND | {"subject": "counted_by", "comparator": "queued_at"},
            ],
        ),
        table(
            "How fresh",
            "mart_publication",
            2,
            [],
            [],
            query_mode="raw",
            all_columns=["data_until"],
            table_timestamp_format="%Y-%m-%d %H:%M UTC",
        ),
    ],
]
CHARTS = [chart for row in ROWS_OF_CHARTS for chart in row]
