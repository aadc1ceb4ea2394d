"""Parts of Vega-Lite specifications that charts share: colours, marks, axes, tooltips.

A specification is plain data. Colours are those of the style sheet (`var(--accent)`): `static/dashboard.js` puts in their values,
for a light or a dark page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from dashboard.formatting import kind_of, label, plain
from dashboard.reader import Row

Spec = dict[str, Any]
"""A Vega-Lite specification, or a part of one."""

ACCENT, VOLUME, MUTED, INK = "var(--accent)", "var(--volume)", "var(--muted)", "var(--text)"
GOOD, MIDDLE, BAD = "var(--good)", "var(--middle)", "var(--bad)"
PANEL, THIRD = "var(--panel)", "var(--third)"
HATCHED = "url(#hatch)"

THIN_LINE: Spec = {"type": "line", "color": MUTED, "strokeWidth": 1}
DASHED_LINE: Spec = {"type": "line", "color": INK, "strokeDash": [5, 4], "strokeWidth": 1.5}
DASHED_RULE: Spec = DASHED_LINE | {"type": "rule"}
BAR_OF_BIN: Spec = {"type": "bar", "stroke": PANEL, "strokeWidth": 0.5}
CELL: Spec = {"type": "rect", "cornerRadius": 2, "stroke": PANEL, "strokeWidth": 1.5}

_HALF_HOURS = [f"{hour:02d}:{minute}" for hour in range(24) for minute in ("00", "30")]
_AXIS_WIDTH = 44
"""Pixels that labels take at the left, so that charts above each other align."""

_TOOLTIP_FORMATS = {"ratio": ".1%", "seconds": ",.1~f", "count": ",", "number": ","}


def with_rows(specification: Spec, rows: Sequence[Row]) -> Spec:
    """A chart with its panel's rows: dates and times as text, everything else unchanged."""
    values = [{name: _json_value(value) for name, value in row.items()} for row in rows]
    return specification | {"datasets": {"rows": values}}


def _json_value(value: Any) -> Any:
    return plain(value) if isinstance(value, date | time | datetime) else value


def chart(*layers: Spec, height: int, **encoding: Any) -> Spec:
    """A chart of the panel's rows, as wide as there is room. Layers lie on each other and share the encoding."""
    return {
        "data": {"name": "rows"},
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "encoding": encoding,
        "layer": list(layers),
    }


def layer(mark: Spec, *transforms: Spec, data: Spec | None = None, **encoding: Any) -> Spec:
    """Marks, with what they encode. `data` are the layer's own; without them it draws the panel's rows."""
    own: Spec = {"data": {"values": [data]}} if data else {}
    if transforms:
        own["transform"] = list(transforms)
    return own | {"mark": mark, "encoding": encoding}


def line(color: str, width: float = 2.5, points: int = 30) -> Spec:
    """A line with a point of this size (square pixels) at each value."""
    return {
        "type": "line",
        "color": color,
        "strokeWidth": width,
        "point": {"color": color, "size": points},
    }


def calculated(name: str, expression: str) -> Spec:
    """A column calculated from the others, such as a link."""
    return {"calculate": expression, "as": name}


def nominal(column: str, **more: Any) -> Spec:
    return {"field": column, "type": "nominal", **more}


def ordinal(column: str, **axis: Any) -> Spec:
    """Values in their order, beside each other."""
    return {"field": column, "type": "ordinal", "axis": {"title": None, "labelAngle": 0, **axis}}


def quantity(column: str, scale: Spec | None = None, **axis: Any) -> Spec:
    """Numbers on an axis. The panel says what they are, so the axis has a title only where one is given."""
    encoding: Spec = {"field": column, "type": "quantitative", "axis": {"title": None, **axis}}
    return encoding | {"scale": scale} if scale else encoding


def share(column: str) -> Spec:
    """0 to 100 % upwards."""
    marks = [0, 0.25, 0.5, 0.75, 1]
    return quantity(column, {"domain": [0, 1]}, format=".0%", values=marks, minExtent=_AXIS_WIDTH)


def upwards(column: str, **axis: Any) -> Spec:
    """Whole numbers upwards."""
    return quantity(column, **{"tickCount": 5, "format": ",d", "minExtent": _AXIS_WIDTH, **axis})


def down(column: str, **axis: Any) -> Spec:
    """A line of the chart for each value, with its name at the left."""
    return ordinal(column, ticks=False, domain=False, **axis)


def half_hours(rows: Sequence[Row]) -> Spec:
    """Local time by half hour, from the first to the last that has rows; every second hour is written."""
    times = {plain(row["time_of_day"]) for row in rows}
    shown = [half_hour for half_hour in _HALF_HOURS if min(times) <= half_hour <= max(times)]
    hours = [each for each in shown if each.endswith(":00") and int(each[:2]) % 2 == 0]
    return ordinal("time_of_day", values=hours) | {"scale": {"domain": shown}}


def days(column: str) -> Spec:
    """Dates beside each other."""
    return ordinal(column, labelExpr="utcFormat(toDate(datum.value), '%e %b')", labelSeparation=12)


def bins(column: str, width: int, last: int) -> tuple[Spec, Spec, Spec]:
    """Bins of `width` seconds, the last of which is open: the calculation of their ends, `x` and `x2`."""
    named = f"datum.value >= {last} ? '{last} s +' : datum.value + ' s'"
    scale = {"domain": [0, last + width], "nice": False}
    x = quantity(column, scale, labelExpr=named, tickCount=8) | {"bin": "binned"}
    return calculated("bin_end", f"datum.{column} + {width}"), x, {"field": "bin_end"}


def either(test: str, yes: str, no: str) -> Spec:
    """One of two colours, by a test of the row."""
    return {"condition": {"test": test, "value": yes}, "value": no}


def tooltip(*columns: str) -> list[Spec]:
    """Columns with their names, as the tables have them."""
    return [_described(column) for column in columns]


def _described(column: str) -> Spec:
    kind = kind_of(column)
    title = f"{label(column)} (s)" if kind == "seconds" else label(column)
    if kind not in _TOOLTIP_FORMATS:
        return nominal(column, title=title)
    return {"field": column, "type": "quantitative", "title": title, "format": _TOOLTIP_FORMATS[kind]}


def number_of(rows: Sequence[Row], column: str) -> int:
    """How many different values a column has."""
    return len({row[column] for row in rows})


def knows(rows: Sequence[Row], column: str) -> bool:
    """Whether any row has a value in the column. A scale needs at least one."""
    return any(row[column] is not None for row in rows)
