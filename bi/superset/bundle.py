"""The bundle that Superset imports: a database, a dataset for each mart, charts, and one dashboard with its filters."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import yaml  # type: ignore[import-untyped]
from sqlalchemy import Engine

from bi.superset.charts import CHARTS, COLORS, ROWS_OF_CHARTS
from bi.superset.datasets import DATES, VERSION, dataset, made_id

TITLE = "callmart"
SLUG = "callmart"


def bundle(engine: Engine, uri: str) -> dict[str, dict[str, Any]]:
    """The files of the bundle by path. `engine` reads the marts' metadata; `uri` is where Superset finds the marts."""
    files: dict[str, dict[str, Any]] = {
        "metadata.yaml": {"version": VERSION, "type": "Dashboard", "timestamp": "2026-01-01T00:00:00+00:00"},
        "databases/callmart.yaml": {
            "database_name": TITLE,
            "sqlalchemy_uri": uri,
            "expose_in_sqllab": True,
            "allow_dml": False,
            "extra": {},
            "uuid": made_id("database", "marts"),
            "version": VERSION,
        },
        f"dashboards/{SLUG}.yaml": dashboard(),
    }
    for mart in DATES:
        files[f"datasets/callmart/{mart}.yaml"] = dataset(engine, mart)
    for chart in CHARTS:
        files[f"charts/{chart.id}.yaml"] = chart.body()
    return files


def dashboard() -> dict[str, Any]:
    """The one dashboard."""
    return {
        "dashboard_title": TITLE,
        "description": "Service level, waits, handle time and whether to trust them.",
        "slug": SLUG,
        "uuid": made_id("dashboard", TITLE),
        "position": _position(),
        "metadata": {
            "label_colors": COLORS,
            "color_scheme": "supersetColors",
            "cross_filters_enabled": True,
            "native_filter_configuration": [
                _filter("Dates", "filter_time", [{}]),
                _filter("Queue", "filter_select", [_column("mart_queue_days", "queue_name")]),
                _filter("Language", "filter_select", [_column("mart_service_level", "language")]),
                _filter("Call type", "filter_select", [_column("mart_service_level", "call_type")]),
            ],
        },
        "published": True,
        "version": VERSION,
    }


def _column(mart: str, name: str) -> dict[str, Any]:
    return {"datasetUuid": made_id("dataset", mart), "column": {"name": name}}


def _filter(name: str, kind: str, targets: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"NATIVE_FILTER-{name.replace(' ', '-')}",
        "name": name,
        "filterType": kind,
        "type": "NATIVE_FILTER",
        "targets": targets,
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "controlValues": {"multiSelect": True, "enableEmptyFilter": False},
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "cascadeParentIds": [],
        "description": "",
    }


def _position() -> dict[str, Any]:
    """The grid: rows of charts, a row as high as its highest."""
    rows = [f"ROW-{place}" for place in range(len(ROWS_OF_CHARTS))]
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]},
        "GRID_ID": {"id": "GRID_ID", "type": "GRID", "children": rows, "parents": ["ROOT_ID"]},
        "HEADER_ID": {"id": "HEADER_ID", "type": "HEADER", "meta": {"text": TITLE}},
    }
    for row, charts in zip(rows, ROWS_OF_CHARTS, strict=True):
        position[row] = {
            "id": row,
            "type": "ROW",
            "children": [f"CHART-{chart.id}" for chart in charts],
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for chart in charts:
            position[f"CHART-{chart.id}"] = {
                "id": f"CHART-{chart.id}",
                "type": "CHART",
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", row],
                "meta": {
                    "chartId": CHARTS.index(chart) + 1,
                    "uuid": chart.id,
                    "sliceName": chart.name,
                    "width": chart.width,
                    "height": max(each.height for each in charts),
                },
            }
    return position


def zipped(files: dict[str, dict[str, Any]]) -> bytes:
    """The bundle as one file, for Superset's import."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in files.items():
            plain = json.loads(json.dumps(body))  # no anchors for what is used twice
            archive.writestr(f"callmart/{path}", yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    return packed.getvalue()
