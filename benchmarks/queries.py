"""How long queries take in a warehouse and in its published copy: the dashboard's, the analysts', reconcile's counts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import duckdb
from starlette.datastructures import QueryParams

from dashboard.pages import PAGES
from dashboard.panels import sql
from dashboard.reader import PublishedCopy
from dashboard.view import View
from pipelines.ccaip.privacy.policy import KEEP_ALL, PrivacyFilter
from pipelines.home import REPOSITORY
from pipelines.settings import Settings
from pipelines.warehouse.compare import Comparison
from pipelines.warehouse.connect import Catalog, reading

_TIMES = 5
_DAYS_COUNTED = 60
_QUESTIONS = re.compile(r"^## ([^\n]+)\n\n```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Timing:
    """Milliseconds over all queries, each repeated, and the slowest three by their medians."""

    p50_ms: float
    p95_ms: float
    slowest: str


def time_dashboard(copy: Path) -> Timing:
    """Every query of every page, with the view that the page opens with."""
    with PublishedCopy(copy).snapshot() as snapshot:
        extent = snapshot.rows(sql("extent"), {})[0]
        queries: dict[str, tuple[str, Mapping[str, Any]]] = {
            name: (sql(name), {}) for name in ("extent", "publication", "choice_queues", "choice_languages")
        }
        for page in PAGES:
            view = View.read(QueryParams(""), extent["first_date"], extent["last_date"], page.days)
            for panel in ("selection", *page.panels):
                queries[f"{page.name} {panel}"] = sql(panel), view.parameters
        return _timed(queries, snapshot.rows)


def time_questions(copy: Path) -> Timing:
    """Every query of docs/analysts.md."""
    page = (REPOSITORY / "docs" / "analysts.md").read_text(encoding="utf-8")
    with duckdb.connect(str(copy), read_only=True) as marts:
        marts.execute("set TimeZone = 'UTC'")
        return _timed(
            {question: (query, {}) for question, query in _QUESTIONS.findall(page)},
            lambda query, _: marts.execute(query).fetchall(),
        )


def _timed(
    queries: Mapping[str, tuple[str, Mapping[str, Any]]], ask: Callable[[str, Mapping[str, Any]], object]
) -> Timing:
    times: dict[str, list[float]] = {name: [] for name in queries}
    for _ in range(_TIMES):
        for name, (query, parameters) in queries.items():
            begun = time.perf_counter()
            ask(query, parameters)
            times[name].append(1_000 * (time.perf_counter() - begun))
    medians = sorted(((median(each), name) for name, each in times.items()), reverse=True)
    every = [each for several in times.values() for each in several]
    slowest = ", ".join(f"{name} {milliseconds:.0f} ms" for milliseconds, name in medians[:3])
    return Timing(median(every), quantiles(every, n=20)[-1], slowest)


def counting(settings: Settings) -> float:
    """Seconds in which `reconcile --counts` counts the calls of sixty days, without the API's part."""
    begun = time.perf_counter()
    with reading(settings) as connection:
        cursor = Catalog(connection).cursor()
        assert cursor is not None
        until = cursor.until
        since = until - timedelta(days=_DAYS_COUNTED)
        with Comparison(connection, since, until, until, PrivacyFilter(KEEP_ALL)) as comparison:
            for by in ("queued_at", "updated_at"):
                for day in range(_DAYS_COUNTED):
                    start = since + timedelta(days=day)
                    comparison.expected(by, start, start + timedelta(days=1))
                    comparison.landed(by, start, start + timedelta(days=1))
    return time.perf_counter() - begun
