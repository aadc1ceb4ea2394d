"""The semantic layer over a warehouse: MetricFlow's own engine, in this process.

It writes the SQL of `mf query`, which DuckDB runs read-only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from pipelines.ccaip.parse_sql import quoted

Cells = dict[tuple[Any, ...], dict[str, Any]]


class _Engine:
    """The parts of a database client that planning needs."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


class Layer:
    """Queries one warehouse by metric and by SQL."""

    def __init__(self, manifest: Path, warehouse: Path) -> None:
        text = manifest.read_text()
        self.manifest: dict[str, Any] = json.loads(text)
        self.metrics: dict[str, dict[str, Any]] = {each["name"]: each for each in self.manifest["metrics"]}
        lookup = SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(text))
        self._engine = MetricFlowEngine(lookup, _Engine())
        self._connection = duckdb.connect(str(warehouse), read_only=True)
        self._connection.execute("set TimeZone = 'UTC'")

    def close(self) -> None:
        self._connection.close()

    def ask(self, metrics: Iterable[str], group_by: Iterable[str]) -> Cells:
        """Metrics by the values of what they are grouped by, in that order."""
        request = MetricFlowQueryRequest.create(metric_names=list(metrics), group_by_names=list(group_by))
        return self._cells(self._sql_of(request), list(group_by))

    def ask_saved(self, name: str) -> list[tuple[Any, ...]]:
        """The rows of a saved query."""
        return self.sql(self._sql_of(MetricFlowQueryRequest.create(saved_query_name=name)))

    def ask_mart(self, query: str, keys: Iterable[str], metrics: Iterable[str]) -> Cells:
        """The same for a query that selects keys, then metrics."""
        names = ", ".join(quoted(name) for name in (*keys, *metrics))
        return self._cells(f"select * from ({query}) as mart({names})", list(keys))

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def _sql_of(self, request: MetricFlowQueryRequest) -> str:
        return self._engine.explain(request).sql_statement.without_descriptions.sql

    def _cells(self, query: str, keys: list[str]) -> Cells:
        answer = self._connection.execute(query)
        names = [column[0] for column in answer.description or []]
        cells: Cells = {}
        for row in answer.fetchall():
            values = dict(zip(names, row, strict=True))
            key = tuple(values.pop(name) for name in keys)
            assert key not in cells, f"two rows for {key}"
            cells[key] = values
        return cells
