"""Vega-Lite specifications of the panels that are drawn.

Each function takes a panel's rows and gives a chart of them. Charts encode columns; they aggregate nothing. Colours are
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
HATCHED = "url(#hatch)"


def as_data(rows: Sequence[Row]) -> alt.Data:
    """Rows as inline data: dates and times as text, everything else as it came."""
    return alt.Data(values=[{name: _json_value(value) for name, value in row.items()} for row in rows])


def _json_value(value: Any) -> Any:
    return plain(value) if isinstance(value, date | time | datetime) else value


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


def service_level_by_half_hour(rows: Sequence[Row]) -> Drawn:
    """Service level as a line, its target dashed, the weekdays before thin."""
    base = alt.Chart(as_data(rows)).encode(x=_time_axis(rows))
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


def offered_by_half_hour(rows: Sequence[Row]) -> Drawn:
    """Offered as bars, hatched where the interval is provisional; the weekdays before as a thin line."""
    base = alt.Chart(as_data(rows)).encode(x=_time_axis(rows))
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
    return alt.layer(bars, before).properties(width="container", height=110)
