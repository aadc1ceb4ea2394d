"""Rebuild everything that is derived from the raw tables, so that no earlier data is left.

    marts (dbt) → a new warehouse file → the published copy

Used after erasures and key rotations. What does not exist is not created.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.home import Home
from pipelines.marts.build import transform
from pipelines.progress import Progress, Stage
from pipelines.settings import Settings
from pipelines.steps import Step, reached
from pipelines.warehouse.compact import compact
from pipelines.warehouse.connect import Catalog, reading
from pipelines.warehouse.publish import MARTS_SCHEMA, publish, published_copy


def rebuild(settings: Settings, home: Home, progress: Progress, stage: Stage, step: Step) -> Path | None:
    """Rebuild marts, file and published copy from the raw tables. Returns the copy's path, if there is one.

    Raises `TransformError` when dbt fails and `LockedError` when another program has the warehouse open.
    """
    with reading(settings) as connection:
        has_marts = bool(Catalog(connection).tables(MARTS_SCHEMA))
    if has_marts:
        stage.note("marts")
        # a failing test must not keep a person in the marts
        transform(home, settings, progress, with_tests=False)
        reached(step)
    stage.advance()
    if settings.destination != "duckdb":
        return None  # other engines free old rows themselves
    stage.note("a new file")
    compact(settings.warehouse, step)
    stage.advance()
    copy = published_copy(home, settings)
    if not copy.exists():
        return None
    stage.note("published copy")
    return publish(home, settings)
