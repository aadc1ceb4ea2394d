"""Vega-Lite specifications of the panels that are drawn.

Each function takes a panel's rows and the view's query string, and gives a chart. Charts encode columns; they aggregate nothing. Colours are
those of the style sheet (`var(--accent)`): `static/dashboard.js` puts in their values, for a light or a dark page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

import altair as alt

from dashboard.formatting import plain
from dashboard.reader import Row

HALF_HOURS = [f"{hour:02d}:{minute}" for hour in range(24) for minute in ("00", "30")]
Drawn = alt.TopLevelMixin
"""Any chart."""

_AXIS_WIDTH = 44
_PERCENT = ".0%"

# The style sheet's colours; the page's script reads their values.
ACCENT, VOLUME, MUTED, INK = "var(--accent)", "var(--volume)", "var(--muted)", "var(--text)"
GOOD, MIDDLE, BAD = "var(--good)", "var(--middle)", "var(--bad)"
PANEL, THIRD = "var(--panel)", "var(--third)"
HATCHED = "url(#hatch)"


ROWS = alt.NamedData("rows")
"""The panel's rows. They are put in as they are, for Altair would check each value."""


def specification(chart: Drawn, rows: Sequence[Row]) -> dict[str, Any]:
    """The Vega-Lite specification of a chart, with its rows: dates and times as text, everything else unchanged."""
    values = [{name: _json_value(value) for name, value in row.items()} for row in rows]
    return chart.to_dict(validate=False) | {"datasets": {ROWS.name: values}}


def _knows(rows: Sequence[Row], column: str) -> bool:
    """Whether any row has a value there: a scale of a column without values has no ends."""
    return any(row[column] is not None for row in rows)


def _json_value(value: Any) -> Any:
    return plain(value) if isinstance(value, date | time | datetime) else value


def _in_lines(chart: Drawn, rows: Sequence[Row], column: str, pixels: int) -> Drawn:
    """As wide as there is room, and so many pixels high for each value of the column."""
    lines = len({row[column] for row in rows})
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    sized: Drawn = chart.properties(width="container", height=lines * pixels, autosize=fit)
    return sized


def _time_axis(rows: Sequence[Row]) -> alt.X:
    """Local time by half hour, from the first to the last that has rows."""
    times = [plain(row["time_of_day"]) for row in rows]
    shown = [half_hour for half_hour in HALF_HOURS if times[0] <= half_hour <= times[-1]]
    hours = [each for each in shown if each.endswith(":00") and int(each[:2]) % 2 == 0]
    return alt.X(
        "time_of_day:O",
        scale=alt.Scale(domain=shown),
        axis=alt.Axis(values=hours, labelAngle=0, title=None),
    )


def _percent_axis(column: str) -> alt.Y:
    return alt.Y(
        f"{column}:Q",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=_PERCENT, title=None, values=[0, 0.25, 0.5, 0.75, 1], minExtent=_AXIS_WIDTH),
    )


def service_level_by_half_hour(rows: Sequence[Row], query: str) -> Drawn:
    """Service level as a line, its target dashed, the weekdays before thin."""
    base = alt.Chart(ROWS).encode(x=_time_axis(rows))
    before = base.mark_line(color=MUTED, strokeWidth=1).encode(y=_percent_axis("service_level_before"))
    target = base.mark_line(color=INK, strokeDash=[5, 4], strokeWidth=1.5, interpolate="step").encode(
        y=_percent_axis("target_level")
    )
    line = base.mark_line(
        color=ACCENT, strokeWidth=2.5, point=alt.OverlayMarkDef(color=ACCENT, size=30)
    ).encode(
        y=_percent_axis("service_level"),
        tooltip=[
            alt.Tooltip("time_of_day:N", title="Half hour from"),
            alt.Tooltip("service_level:Q", title="Service level", format=".1%"),
            alt.Tooltip("target_level:Q", title="Target", format=".1%"),
            alt.Tooltip("service_level_before:Q", title="Before", format=".1%"),
            alt.Tooltip("offered:Q", title="Offered", format=","),
        ],
    )
    return alt.layer(before, target, line).properties(width="container", height=170)


def offered_by_half_hour(rows: Sequence[Row], query: str) -> Drawn:
    """Offered as bars, hatched where the interval is provisional; the weekdays before as a thin line."""
    base = alt.Chart(ROWS).encode(x=_time_axis(rows))
    axis = alt.Axis(title=None, tickCount=4, minExtent=_AXIS_WIDTH, format=",d")
    bars = base.mark_bar().encode(
        y=alt.Y("offered:Q", axis=axis),
        color=alt.when("datum.is_final").then(alt.value(VOLUME)).otherwise(alt.value(HATCHED)),
        tooltip=[
            alt.Tooltip("time_of_day:N", title="Half hour from"),
            alt.Tooltip("offered:Q", title="Offered", format=","),
            alt.Tooltip("abandoned:Q", title="Abandoned", format=","),
            alt.Tooltip("offered_before:Q", title="Offered before", format=","),
            alt.Tooltip("is_final:N", title="Final"),
        ],
    )
    before = base.mark_line(color=MUTED, strokeWidth=1, interpolate="step").encode(
        y=alt.Y("offered_before:Q", axis=axis)
    )
    layers = [bars, before] if _knows(rows, "offered_before") else [bars]
    return alt.layer(*layers).properties(width="container", height=110)


_DAY_LABEL = "utcFormat(toDate(datum.value), '%a %e %b')"


def service_level_heat_map(rows: Sequence[Row], query: str) -> Drawn:
    """Date by half hour, coloured by the distance to the target, dashed where provisional. A cell opens its segments."""
    base = alt.Chart(ROWS).encode(
        x=_time_axis(sorted(rows, key=lambda row: plain(row["time_of_day"]))),
        y=alt.Y("local_date:O", axis=alt.Axis(labelExpr=_DAY_LABEL, title=None, ticks=False, domain=False)),
    )
    cells = (
        base.transform_calculate(
            link=f"'/panel/segments?{query}&at=' + replace(datum.interval_start_local, ' ', 'T')"
        )
        .mark_rect(cornerRadius=2, stroke=PANEL, strokeWidth=1.5, cursor="pointer")
        .encode(
            color=alt.Color(
                "service_level_gap:Q",
                scale=alt.Scale(
                    domain=[-0.4, 0, 0.2], clamp=True, range=[BAD, MIDDLE, GOOD], interpolate="rgb"
                ),
                legend=alt.Legend(
                    title="Service level − target",
                    format="+.0%",
                    values=[-0.4, -0.2, 0, 0.2],
                    gradientLength=220,
                ),
            ),
            href="link:N",
            tooltip=[
                alt.Tooltip("interval_start_local:N", title="Half hour from"),
                alt.Tooltip("service_level:Q", title="Service level", format=".1%"),
                alt.Tooltip("target_level:Q", title="Target", format=".1%"),
                alt.Tooltip("offered:Q", title="Offered", format=","),
                alt.Tooltip("is_final:N", title="Final"),
            ],
        )
    )
    provisional = base.transform_filter("!datum.is_final").mark_rect(
        filled=False, stroke=INK, strokeWidth=1, strokeDash=[2, 3], opacity=0.7
    )
    return _in_lines(alt.layer(cells, provisional), rows, "local_date", 20)


def service_level_of_queues(rows: Sequence[Row], query: str) -> Drawn:
    """A small chart for each queue: service level by day, target dashed."""
    x = alt.X(
        "local_date:O",
        axis=alt.Axis(
            labelExpr="utcFormat(toDate(datum.value), '%e %b')", title=None, labelAngle=0, labelSeparation=12
        ),
    )
    base = alt.Chart().encode(x=x)
    target = base.mark_line(color=INK, strokeDash=[5, 4], strokeWidth=1.2).encode(
        y=_percent_axis("target_level")
    )
    line = base.mark_line(
        color=ACCENT, strokeWidth=2, point=alt.OverlayMarkDef(color=ACCENT, size=18)
    ).encode(
        y=_percent_axis("service_level"),
        tooltip=[
            alt.Tooltip("queue_name:N", title="Queue"),
            alt.Tooltip("local_date:N", title="Date"),
            alt.Tooltip("service_level:Q", title="Service level", format=".1%"),
            alt.Tooltip("target_level:Q", title="Target", format=".1%"),
            alt.Tooltip("offered:Q", title="Offered", format=","),
        ],
    )
    facet = alt.Facet("queue_name:N", title=None)
    return alt.layer(target, line, data=ROWS).properties(height=95, width=240).facet(facet, columns=4)


_OUTCOMES = ["answered", "abandoned", "flowed_out", "failed"]


def _bins(rows: Sequence[Row], column: str, width: int, last: int) -> tuple[alt.Chart, alt.X, alt.X2]:
    """A chart over bins of so many seconds, the last of which is open."""
    base = alt.Chart(ROWS).transform_calculate(bin_end=f"datum.{column} + {width}")
    label = f"datum.value >= {last} ? '{last} s +' : datum.value + ' s'"
    axis = alt.Axis(title=None, labelExpr=label, tickCount=8, grid=False)
    x = alt.X(f"{column}:Q", bin="binned", scale=alt.Scale(domain=[0, last + width], nice=False), axis=axis)
    return base, x, alt.X2("bin_end:Q")


def _rules(rows: Sequence[Row], *columns: str) -> alt.Chart:
    """A dashed rule at each value that the first row has in these columns."""
    values = sorted({rows[0][column] for column in columns if rows[0][column] is not None})
    return (
        alt.Chart(alt.Data(values=[{"seconds": value} for value in values]))
        .mark_rule(color=INK, strokeDash=[5, 4], strokeWidth=1.5)
        .encode(x="seconds:Q", tooltip=[alt.Tooltip("seconds:Q", title="Seconds")])
    )


def waits_by_outcome(rows: Sequence[Row], query: str) -> Drawn:
    """Waits in bins of ten seconds, stacked by outcome; rules at the lowest and the highest target."""
    base, x, x2 = _bins(rows, "wait_from_seconds", 10, 300)
    bars = base.mark_bar(stroke=PANEL, strokeWidth=0.5).encode(
        x=x,
        x2=x2,
        y=alt.Y("segments:Q", axis=alt.Axis(title=None, tickCount=5, format=",d", minExtent=_AXIS_WIDTH)),
        color=alt.Color(
            "outcome:N",
            scale=alt.Scale(domain=_OUTCOMES, range=[ACCENT, BAD, THIRD, INK]),
            legend=alt.Legend(title=None, labelExpr="replace(datum.label, '_', ' ')"),
        ),
        order=alt.Order("outcome:N", sort="descending"),
        tooltip=[
            alt.Tooltip("wait_from_seconds:Q", title="Seconds from"),
            alt.Tooltip("outcome:N", title="Outcome"),
            alt.Tooltip("segments:Q", title="Callers", format=","),
        ],
    )
    rules = _rules(rows, "lowest_target_seconds", "highest_target_seconds")
    return alt.layer(bars, rules).properties(width="container", height=165)


def agents_needed(rows: Sequence[Row], query: str) -> Drawn:
    """The most agents of any day as bars, the median of the days as a line."""
    base = alt.Chart(ROWS).encode(x=_time_axis(rows))
    axis = alt.Axis(title=None, tickCount=5, minExtent=_AXIS_WIDTH, format=",d")
    tooltip = [
        alt.Tooltip("time_of_day:N", title="Half hour from"),
        alt.Tooltip("median_agents_needed:Q", title="Median of the days"),
        alt.Tooltip("most_agents_needed:Q", title="Most of any day"),
        alt.Tooltip("days:Q", title="Days"),
    ]
    most = base.mark_bar(color=MIDDLE).encode(y=alt.Y("most_agents_needed:Q", axis=axis), tooltip=tooltip)
    median = base.mark_line(
        color=ACCENT, strokeWidth=2.5, point=alt.OverlayMarkDef(color=ACCENT, size=30)
    ).encode(y=alt.Y("median_agents_needed:Q", axis=axis), tooltip=tooltip)
    return alt.layer(most, median).properties(width="container", height=165)


_WEEKDAYS = "['', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][datum.value]"


def abandonment_by_weekday(rows: Sequence[Row], query: str) -> Drawn:
    """Weekday by hour, darker where more callers gave up."""
    hours = list(range(min(row["hour_of_day"] for row in rows), max(row["hour_of_day"] for row in rows) + 1))
    chart = (
        alt.Chart(ROWS)
        .mark_rect(cornerRadius=2, stroke=PANEL, strokeWidth=1.5)
        .encode(
            x=alt.X(
                "hour_of_day:O",
                scale=alt.Scale(domain=hours),
                axis=alt.Axis(title=None, labelAngle=0, labelExpr="format(datum.value, '02d') + ':00'"),
            ),
            y=alt.Y("weekday:O", axis=alt.Axis(title=None, labelExpr=_WEEKDAYS, ticks=False, domain=False)),
            color=alt.Color(
                "abandonment_rate:Q",
                scale=alt.Scale(domain=[0, 0.3], clamp=True, range=[MIDDLE, BAD], interpolate="rgb"),
                legend=alt.Legend(title="Abandonment", format=".0%", gradientLength=180),
            ),
            tooltip=[
                alt.Tooltip("abandonment_rate:Q", title="Abandonment", format=".1%"),
                alt.Tooltip("abandoned:Q", title="Abandoned", format=","),
                alt.Tooltip("offered:Q", title="Offered", format=","),
            ],
        )
    )
    return _in_lines(chart, rows, "weekday", 26)


def wait_ranges(rows: Sequence[Row], query: str) -> Drawn:
    """For each queue a bar from the median to the 95th percentile of the wait, with the 80th and 90th marked."""
    y = alt.Y(
        "queue_name:N", axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=190, labelPadding=8)
    )
    tooltip = [
        alt.Tooltip("queue_name:N", title="Queue"),
        *(
            alt.Tooltip(f"wait_p{percent}_seconds:Q", title=f"{percent} % within (s)", format=",.0f")
            for percent in (50, 80, 90, 95)
        ),
        alt.Tooltip("offered:Q", title="Offered", format=","),
    ]
    base = alt.Chart(ROWS).encode(y=y, tooltip=tooltip)
    axis = alt.Axis(
        title="seconds", values=[0, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600], format=",d", grid=True
    )
    scale = alt.Scale(type="sqrt")
    span = base.mark_bar(color=VOLUME, height=8, cornerRadius=4).encode(
        x=alt.X("wait_p50_seconds:Q", axis=axis, scale=scale), x2="wait_p95_seconds:Q"
    )
    marks = [
        base.mark_tick(color=INK, thickness=2, size=size).encode(
            x=alt.X(f"wait_p{percent}_seconds:Q", axis=axis)
        )
        for percent, size in ((50, 16), (80, 10), (90, 10))
    ]
    return _in_lines(alt.layer(span, *marks), rows, "queue_name", 24)


def patience_curve(rows: Sequence[Row], query: str) -> Drawn:
    """The share of callers who would still wait, by second."""
    return (
        alt.Chart(ROWS)
        .mark_line(color=ACCENT, strokeWidth=2.5, interpolate="step-after")
        .encode(
            x=alt.X("wait_seconds:Q", axis=alt.Axis(title="seconds waited", tickCount=7, grid=False)),
            y=_percent_axis("still_waiting_share"),
            tooltip=[
                alt.Tooltip("wait_seconds:Q", title="Seconds"),
                alt.Tooltip("still_waiting_share:Q", title="Would still wait", format=".1%"),
                alt.Tooltip("waiting:Q", title="Callers who waited so long", format=","),
            ],
        )
        .properties(width="container", height=210)
    )


def waits_of_abandoned(rows: Sequence[Row], query: str) -> Drawn:
    """After how many seconds callers hung up; rules at the thresholds of short abandons."""
    base, x, x2 = _bins(rows, "wait_from_seconds", 5, 300)
    bars = base.mark_bar(color=BAD, stroke=PANEL, strokeWidth=0.5).encode(
        x=x,
        x2=x2,
        y=alt.Y("abandoned:Q", axis=alt.Axis(title=None, tickCount=5, format=",d", minExtent=_AXIS_WIDTH)),
        tooltip=[
            alt.Tooltip("wait_from_seconds:Q", title="Seconds from"),
            alt.Tooltip("abandoned:Q", title="Abandoned", format=","),
            alt.Tooltip("short_abandoned:Q", title="Short abandons", format=","),
        ],
    )
    rules = _rules(rows, "lowest_threshold_seconds", "highest_threshold_seconds")
    return alt.layer(bars, rules).properties(width="container", height=210)


_PARTS = {"average_talk_time": "talk", "average_hold_time": "hold", "average_acw_time": "wrap-up"}


def _stacked(rows: Sequence[Row], y_column: str, y: alt.Y, *tooltip: alt.Tooltip) -> Drawn:
    """Talk, hold and wrap-up side by side on one bar."""
    names = ", ".join(f"{column}: '{name}'" for column, name in _PARTS.items())
    chart = (
        alt.Chart(ROWS)
        .transform_fold(list(_PARTS), as_=["column", "seconds"])
        .transform_calculate(
            part=f"({{{names}}})[datum.column]", place=f"indexof({list(_PARTS)}, datum.column)"
        )
        .mark_bar(height=14)
        .encode(
            y=y,
            x=alt.X(
                "seconds:Q", axis=alt.Axis(title="seconds for each handled segment", tickCount=6, grid=True)
            ),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=list(_PARTS.values()), range=[ACCENT, BAD, THIRD]),
                legend=alt.Legend(title=None),
            ),
            order="place:Q",
            tooltip=[
                *tooltip,
                alt.Tooltip("part:N", title="Part"),
                alt.Tooltip("seconds:Q", title="Seconds", format=",.1f"),
                alt.Tooltip("average_handle_time:Q", title="Handle time (s)", format=",.1f"),
                alt.Tooltip("handled_segments:Q", title="Handled", format=","),
            ],
        )
    )
    return _in_lines(chart, rows, y_column, 24)


def handle_time_of_queues(rows: Sequence[Row], query: str) -> Drawn:
    """Talk, hold and wrap-up by queue."""
    y = alt.Y(
        "queue_name:N", axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=190, labelPadding=8)
    )
    return _stacked(rows, "queue_name", y, alt.Tooltip("queue_name:N", title="Queue"))


def handle_time_of_weeks(rows: Sequence[Row], query: str) -> Drawn:
    """Talk, hold and wrap-up by week."""
    label = "'from ' + utcFormat(toDate(datum.value), '%e %b')"
    y = alt.Y("week_start:O", axis=alt.Axis(title=None, ticks=False, domain=False, labelExpr=label))
    return _stacked(rows, "week_start", y, alt.Tooltip("week_start:N", title="Week from"))


def agents(rows: Sequence[Row], query: str) -> Drawn:
    """Agents as points: handle time against handled segments, grey below 30. A point opens the agent's distribution."""
    y_axis = alt.Axis(title="handle time (s)", tickCount=6, format=",d", minExtent=_AXIS_WIDTH)
    y_scale = alt.Scale(zero=False, padding=16)
    limits = {
        name: rows[0][name] for name in ("p10_handle_seconds", "median_handle_seconds", "p90_handle_seconds")
    }
    statistics = alt.Chart(alt.Data(values=[limits]))
    band = statistics.mark_rect(color=MIDDLE).encode(
        y=alt.Y("p10_handle_seconds:Q", axis=y_axis, scale=y_scale), y2="p90_handle_seconds:Q"
    )
    median = statistics.mark_rule(color=INK, strokeDash=[5, 4], strokeWidth=1.5).encode(
        y="median_handle_seconds:Q"
    )
    points = (
        alt.Chart(ROWS)
        .transform_calculate(link=f"'/handle-time?{query}&agent=' + datum.agent_id + '#handle_distribution'")
        .mark_circle(size=62, opacity=0.85, cursor="pointer", stroke=PANEL, strokeWidth=1)
        .encode(
            x=alt.X(
                "handled_segments:Q",
                scale=alt.Scale(zero=False, padding=16),
                axis=alt.Axis(title="handled segments", tickCount=8, grid=False),
            ),
            y=alt.Y("average_handle_time:Q", axis=y_axis, scale=y_scale),
            color=alt.when("datum.is_enough").then(alt.value(ACCENT)).otherwise(alt.value(THIRD)),
            href="link:N",
            tooltip=[
                alt.Tooltip("agent_name:N", title="Agent"),
                alt.Tooltip("handled_segments:Q", title="Handled", format=","),
                alt.Tooltip("average_handle_time:Q", title="Handle time (s)", format=",.0f"),
                alt.Tooltip("average_talk_time:Q", title="Talk (s)", format=",.0f"),
                alt.Tooltip("average_hold_time:Q", title="Hold (s)", format=",.0f"),
                alt.Tooltip("average_acw_time:Q", title="Wrap-up (s)", format=",.0f"),
            ],
        )
    )
    layers = [band, median, points] if _knows(rows, "median_handle_seconds") else [points]
    return alt.layer(*layers).properties(width="container", height=330)


def handle_time_distribution(rows: Sequence[Row], query: str) -> Drawn:
    """How long contacts took: all agents as bars, one agent as a line."""
    base, x, x2 = _bins(rows, "handle_from_seconds", 60, 1200)
    axis = alt.Axis(title=None, format=_PERCENT, tickCount=5, minExtent=_AXIS_WIDTH)
    tooltip = [
        alt.Tooltip("handle_from_seconds:Q", title="Seconds from"),
        alt.Tooltip("all_agents_share:Q", title="All agents", format=".1%"),
        alt.Tooltip("agent_share:Q", title="This agent", format=".1%"),
    ]
    bars = base.mark_bar(color=VOLUME, stroke=PANEL, strokeWidth=0.5).encode(
        x=x, x2=x2, y=alt.Y("all_agents_share:Q", axis=axis), tooltip=tooltip
    )
    agent = (
        base.transform_calculate(middle="datum.handle_from_seconds + 30")
        .mark_line(color=BAD, strokeWidth=2.5, point=alt.OverlayMarkDef(color=BAD, size=26))
        .encode(x="middle:Q", y=alt.Y("agent_share:Q", axis=axis), tooltip=tooltip)
    )
    layers = [bars, agent] if _knows(rows, "agent_share") else [bars]
    return alt.layer(*layers).properties(width="container", height=330)


def final_by_day(rows: Sequence[Row], query: str) -> Drawn:
    """The share of intervals that are final, by date."""
    return (
        alt.Chart(ROWS)
        .mark_bar(color=ACCENT)
        .encode(
            x=alt.X(
                "local_date:O",
                axis=alt.Axis(
                    labelExpr="utcFormat(toDate(datum.value), '%e %b')",
                    title=None,
                    labelAngle=0,
                    labelSeparation=10,
                ),
            ),
            y=_percent_axis("final_interval_share"),
            tooltip=[
                alt.Tooltip("local_date:N", title="Date"),
                alt.Tooltip("final_interval_share:Q", title="Final", format=".1%"),
                alt.Tooltip("intervals:Q", title="Intervals", format=","),
            ],
        )
        .properties(width="container", height=150)
    )
