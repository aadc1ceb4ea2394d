"""The charts are Vega-Lite, and draw columns that their panels have: a browser shows an empty chart otherwise, and no error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair as alt
import pytest
from starlette.datastructures import QueryParams

from dashboard.panels import PANELS, Drawing, Panel
from dashboard.reader import PublishedCopy
from dashboard.vega import with_rows
from dashboard.view import View
from tests.dashboard.facts import Choice
from tests.dashboard.test_numbers import CHOICES

pytestmark = pytest.mark.slow

DRAWN = [(panel, drawing) for panel in PANELS.values() for drawing in panel.drawings]


@pytest.fixture(params=CHOICES.values(), ids=CHOICES.keys())
def choice(request) -> Choice:
    return request.param


@pytest.mark.parametrize(("panel", "drawing"), DRAWN, ids=[each.draw.__name__ for _, each in DRAWN])
def test_a_chart_is_vega_lite_and_draws_columns_of_its_panel(
    copy: Path, choice: Choice, panel: Panel, drawing: Drawing
) -> None:
    query = [(name, each) for name, value in choice.query.items() for each in several(value)]
    view = View.read(QueryParams(query), choice.from_date, choice.to_date, 1)
    with PublishedCopy(copy).snapshot() as snapshot:
        rows = panel.rows(snapshot, view)
    if not rows:
        return
    specification = with_rows(drawing.draw(rows, view.query()), rows)
    alt.Chart.from_dict(specification)  # raises where Altair's copy of the schema does not allow it
    known = {*rows[0], *made(specification)}
    assert set(fields(specification)) <= known


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def parts(specification: Any) -> Iterator[dict[str, Any]]:
    """All objects of a specification, but not its rows."""
    if isinstance(specification, dict):
        yield specification
        for name, each in specification.items():
            if name != "datasets":
                yield from parts(each)
    elif isinstance(specification, list):
        for each in specification:
            yield from parts(each)


def fields(specification: dict[str, Any]) -> Iterator[str]:
    """The columns that are encoded."""
    return (part["field"] for part in parts(specification) if "field" in part)


def made(specification: dict[str, Any]) -> Iterator[str]:
    """The columns that the chart makes itself: calculated, folded, or in a layer's own data."""
    for part in parts(specification):
        for transform in part.get("transform", []):
            yield from several(transform.get("as", []))
        for row in part.get("data", {}).get("values", []):
            yield from row
