"""The charts of the panels that are drawn, as Vega-Lite specifications.

Each function takes a panel's rows and the view's query string, and returns a specification, to which `vega.with_rows` adds the
rows. Charts encode columns; they aggregate nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.reader import Row
from dashboard.vega import (
    ACCENT,
    BAD,
    BAR_OF_BIN,
    CELL,
    DASHED_LINE,
    DASHED_RULE,
    GOOD,
    HATCHED,
    INK,
    MIDDLE,
    PANEL,
    THIN_LINE,
    THIRD,
    VOLUME,
    Spec,
    bins,
    calculated,
    chart,
    days,
    down,
    either,
    half_hours,
    knows,
    layer,
    line,
    nominal,
    number_of,
    ordinal,
    quantity,
    share,
    tooltip,
    upwards,
)


def service_level_by_half_hour(rows: Sequence[Row], query: str) -> Spec:
    """Service level as a line, its target dashed, the weekdays before thin."""
    columns = tooltip("time_of_day", "service_level", "target_level", "service_level_before", "offered")
    return chart(
        layer(THIN_LINE, y=share("service_level_before")),
        layer(DASHED_LINE | {"interpolate": "step"}, y=share("target_level")),
        layer(line(ACCENT), y=share("service_level"), tooltip=columns),
        x=half_hours(rows),
        height=170,
    )


def offered_by_half_hour(rows: Sequence[Row], query: str) -> Spec:
    """Offered as bars, hatched where the interval is provisional; the weekdays before as a thin line."""
    bars = layer(
        {"type": "bar"},
        y=upwards("offered", tickCount=4),
        color=either("datum.is_final", VOLUME, HATCHED),
        tooltip=tooltip("time_of_day", "offered", "abandoned", "offered_before", "is_final"),
    )
    before = layer(THIN_LINE | {"interpolate": "step"}, y=upwards("offered_before", tickCount=4))
    layers = [bars, before] if knows(rows, "offered_before") else [bars]
    return chart(*layers, x=half_hours(rows), height=110)


def service_level_heat_map(rows: Sequence[Row], query: str) -> Spec:
    """Date by half hour, coloured by the distance to the target, dashed where provisional. A cell opens its segments."""
    segments = f"'/panel/segments?{query}&at=' + replace(datum.interval_start_local, ' ', 'T')"
    legend = {
        "title": "Service level − target",
        "format": "+.0%",
        "values": [-0.4, -0.2, 0, 0.2],
        "gradientLength": 220,
    }
    scale = {"domain": [-0.4, 0, 0.2], "clamp": True, "range": [BAD, MIDDLE, GOOD], "interpolate": "rgb"}
    cells = layer(
        CELL | {"cursor": "pointer"},
        calculated("link", segments),
        color={"field": "service_level_gap", "type": "quantitative", "scale": scale, "legend": legend},
        href=nominal("link"),
        tooltip=tooltip("interval_start_local", "service_level", "target_level", "offered", "is_final"),
    )
    provisional = layer(
        {
            "type": "rect",
            "filled": False,
            "stroke": INK,
            "strokeWidth": 1,
            "strokeDash": [2, 3],
            "opacity": 0.7,
        },
        {"filter": "!datum.is_final"},
    )
    return chart(
        cells,
        provisional,
        x=half_hours(rows),
        y=down("local_date", labelExpr="utcFormat(toDate(datum.value), '%a %e %b')"),
        height=20 * number_of(rows, "local_date"),
    )


def service_level_of_queues(rows: Sequence[Row], query: str) -> Spec:
    """A small chart for each queue: service level by day, target dashed."""
    columns = tooltip("queue_name", "local_date", "service_level", "target_level", "offered")
    small = {
        "width": 240,
        "height": 95,
        "encoding": {"x": days("local_date")},
        "layer": [
            layer(DASHED_LINE, y=share("target_level")),
            layer(line(ACCENT, width=2, points=18), y=share("service_level"), tooltip=columns),
        ],
    }
    return {
        "data": {"name": "rows"},
        "facet": nominal("queue_name", title=None),
        "columns": 4,
        "spec": small,
    }


def waits_by_outcome(rows: Sequence[Row], query: str) -> Spec:
    """Waits in bins of ten seconds, stacked by outcome; rules at the lowest and the highest target."""
    end, x, x2 = bins("wait_from_seconds", 10, 300)
    outcomes = ["answered", "abandoned", "flowed_out", "failed"]
    bars = layer(
        BAR_OF_BIN,
        end,
        x=x,
        x2=x2,
        y=upwards("segments"),
        color=nominal(
            "outcome",
            scale={"domain": outcomes, "range": [ACCENT, BAD, THIRD, INK]},
            legend={"title": None, "labelExpr": "replace(datum.label, '_', ' ')"},
        ),
        order=nominal("outcome", sort="descending"),
        tooltip=tooltip("wait_from_seconds", "outcome", "segments"),
    )
    return chart(bars, *_rules(rows, "lowest_target_seconds", "highest_target_seconds"), height=165)


def _rules(rows: Sequence[Row], *columns: str) -> list[Spec]:
    """A dashed rule at each value that the first row has in these columns."""
    values = sorted({rows[0][column] for column in columns if rows[0][column] is not None})
    x = {"field": "seconds", "type": "quantitative"}
    return [
        layer(DASHED_RULE, data={"seconds": value}, x=x, tooltip=[x | {"title": "Seconds"}])
        for value in values
    ]


def agents_needed(rows: Sequence[Row], query: str) -> Spec:
    """The most agents of any day as bars, the median of the days as a line."""
    columns = tooltip("time_of_day", "median_agents_needed", "most_agents_needed", "days")
    return chart(
        layer({"type": "bar", "color": MIDDLE}, y=upwards("most_agents_needed"), tooltip=columns),
        layer(line(ACCENT), y=upwards("median_agents_needed"), tooltip=columns),
        x=half_hours(rows),
        height=165,
    )


def abandonment_by_weekday(rows: Sequence[Row], query: str) -> Spec:
    """Weekday by hour, darker where more callers gave up."""
    hours = [row["hour_of_day"] for row in rows]
    weekdays = "['', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][datum.value]"
    scale = {"domain": [0, 0.3], "clamp": True, "range": [MIDDLE, BAD], "interpolate": "rgb"}
    legend = {"title": "Abandonment", "format": ".0%", "gradientLength": 180}
    cells = layer(
        CELL,
        color={"field": "abandonment_rate", "type": "quantitative", "scale": scale, "legend": legend},
        tooltip=tooltip("abandonment_rate", "abandoned", "offered"),
    )
    x = ordinal("hour_of_day", labelExpr="format(datum.value, '02d') + ':00'")
    return chart(
        cells,
        x=x | {"scale": {"domain": list(range(min(hours), max(hours) + 1))}},
        y=down("weekday", labelExpr=weekdays),
        height=26 * number_of(rows, "weekday"),
    )


def wait_ranges(rows: Sequence[Row], query: str) -> Spec:
    """For each queue a bar from the median to the 95th percentile of the wait, with the 80th and 90th marked."""
    percentiles = {percent: f"wait_p{percent}_seconds" for percent in (50, 80, 90, 95)}
    marks = [0, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600]

    def x(percent: int) -> Spec:
        return quantity(
            percentiles[percent], {"type": "sqrt"}, title="seconds", values=marks, format=",d", grid=True
        )

    return chart(
        layer(
            {"type": "bar", "color": VOLUME, "height": 8, "cornerRadius": 4},
            x=x(50),
            x2={"field": percentiles[95]},
        ),
        *(
            layer({"type": "tick", "color": INK, "thickness": 2, "size": size}, x=x(percent))
            for percent, size in ((50, 16), (80, 10), (90, 10))
        ),
        y=_queues(),
        tooltip=tooltip("queue_name", *percentiles.values(), "offered"),
        height=24 * number_of(rows, "queue_name"),
    )


def _queues() -> Spec:
    return down("queue_name", labelLimit=190, labelPadding=8)


def patience_curve(rows: Sequence[Row], query: str) -> Spec:
    """The share of callers who would still wait, by second."""
    curve = layer(
        {"type": "line", "color": ACCENT, "strokeWidth": 2.5, "interpolate": "step-after"},
        x=quantity("wait_seconds", title="seconds waited", tickCount=7),
        y=share("still_waiting_share"),
        tooltip=tooltip("wait_seconds", "still_waiting_share", "waiting"),
    )
    return chart(curve, height=210)


def waits_of_abandoned(rows: Sequence[Row], query: str) -> Spec:
    """After how many seconds callers hung up; rules at the thresholds of short abandons."""
    end, x, x2 = bins("wait_from_seconds", 5, 300)
    bars = layer(
        BAR_OF_BIN | {"color": BAD},
        end,
        x=x,
        x2=x2,
        y=upwards("abandoned"),
        tooltip=tooltip("wait_from_seconds", "abandoned", "short_abandoned"),
    )
    return chart(bars, *_rules(rows, "lowest_threshold_seconds", "highest_threshold_seconds"), height=210)


def handle_time_of_queues(rows: Sequence[Row], query: str) -> Spec:
    """Talk, hold and wrap-up by queue."""
    return _handle_time(rows, "queue_name", _queues())


def handle_time_of_weeks(rows: Sequence[Row], query: str) -> Spec:
    """Talk, hold and wrap-up by week."""
    label = "'from ' + utcFormat(toDate(datum.value), '%e %b')"
    return _handle_time(rows, "week_start", down("week_start", labelExpr=label))


def _handle_time(rows: Sequence[Row], column: str, y: Spec) -> Spec:
    """Talk, hold and wrap-up beside each other in one bar for each value of the column."""
    parts = {"average_talk_time": "talk", "average_hold_time": "hold", "average_acw_time": "wrap-up"}
    names = ", ".join(f"{column}: '{name}'" for column, name in parts.items())
    bars = layer(
        {"type": "bar", "height": 14},
        {"fold": list(parts), "as": ["column", "seconds"]},
        calculated("part", f"({{{names}}})[datum.column]"),
        calculated("place", f"indexof({list(parts)}, datum.column)"),
        x=quantity("seconds", title="seconds", tickCount=6, grid=True),
        color=nominal(
            "part",
            scale={"domain": list(parts.values()), "range": [ACCENT, BAD, THIRD]},
            legend={"title": None},
        ),
        order={"field": "place", "type": "quantitative"},
        tooltip=tooltip(column, "average_handle_time", *parts, "handled_segments"),
    )
    return chart(bars, y=y, height=24 * number_of(rows, column))


def agents(rows: Sequence[Row], query: str) -> Spec:
    """Agents as points: handle time against handled segments, grey below 30. A point opens the agent's distribution."""
    scale = {"zero": False, "padding": 16}
    seconds: Spec = {
        "scale": scale,
        "title": "handle time (s)",
        "tickCount": 6,
        "format": ",d",
        "minExtent": 44,
    }
    limits = {
        name: rows[0][name] for name in ("p10_handle_seconds", "median_handle_seconds", "p90_handle_seconds")
    }
    band = layer(
        {"type": "rect", "color": MIDDLE},
        data=limits,
        y=quantity("p10_handle_seconds", **seconds),
        y2={"field": "p90_handle_seconds"},
    )
    median = layer(DASHED_RULE, data=limits, y={"field": "median_handle_seconds", "type": "quantitative"})
    points = layer(
        {
            "type": "circle",
            "size": 62,
            "opacity": 0.85,
            "cursor": "pointer",
            "stroke": PANEL,
            "strokeWidth": 1,
        },
        calculated("link", f"'/handle-time?{query}&agent=' + datum.agent_id + '#handle_distribution'"),
        x=quantity("handled_segments", scale, title="handled segments", tickCount=8),
        y=quantity("average_handle_time", **seconds),
        color=either("datum.is_enough", ACCENT, THIRD),
        href=nominal("link"),
        tooltip=tooltip(
            "agent_name",
            "handled_segments",
            "average_handle_time",
            "average_talk_time",
            "average_hold_time",
            "average_acw_time",
        ),
    )
    layers = [band, median, points] if knows(rows, "median_handle_seconds") else [points]
    return chart(*layers, height=330)


def handle_time_distribution(rows: Sequence[Row], query: str) -> Spec:
    """How long contacts took: all agents as bars, one agent as a line."""
    end, x, x2 = bins("handle_from_seconds", 60, 1200)
    columns = tooltip("handle_from_seconds", "all_agents_share", "agent_share")
    bars = layer(
        BAR_OF_BIN | {"color": VOLUME},
        end,
        x=x,
        x2=x2,
        y=upwards("all_agents_share", format=".0%"),
        tooltip=columns,
    )
    agent = layer(
        line(BAD, points=26),
        calculated("middle", "datum.handle_from_seconds + 30"),
        x={"field": "middle", "type": "quantitative"},
        y=upwards("agent_share", format=".0%"),
        tooltip=columns,
    )
    return chart(*([bars, agent] if knows(rows, "agent_share") else [bars]), height=420)


def final_by_day(rows: Sequence[Row], query: str) -> Spec:
    """The share of intervals that are final, by date."""
    bars = layer(
        {"type": "bar", "color": ACCENT},
        x=days("local_date"),
        y=share("final_interval_share"),
        tooltip=tooltip("local_date", "final_interval_share", "intervals"),
    )
    return chart(bars, height=150)
