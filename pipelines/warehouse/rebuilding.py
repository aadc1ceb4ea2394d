"""Everything that is made from the raw tables, made again, with nothing left of how they were before.

    marts (dbt) → a new warehouse file → the published copy

For erasures and for rotated keys. What was never made is not made now.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.home import Home
from pipelines.marts.build import transform
from pipelines.progress import Progress, Stage
from pipelines.settings import Settings
from pipelines.steps import Step, reached
from pipelines.warehouse.compact import compact
from pipelines.warehouse.connect import Look, reading
from pipelines.warehouse.publish import MARTS_SCHEMA, publish, published_copy


def rebuild(settings: Settings, home: Home, progress: Progress, stage: Stage, step: Step) -> Path | None:
    """Bring marts, file and published copy in line with the raw tables; returns the copy's path, if there is one.

    Raises `TransformError` when dbt fails and `LockedError` when another program has the warehouse open.
    """
    with reading(settings) as connection:
        has_marts = bool(Look(connection).tables(MARTS_SCHEMA))
    if has_marts:
        stage.note("marts")
        # a test that fails for a reason of its own must not keep a person in the marts
        transform(home, settings, progress, with_tests=False)
        reached(step)
    stage.advance()
    if settings.destination != "duckdb":
        return None  # other engines free the old rows by themselves
    stage.note("a new file")
    compact(settings.warehouse, step)
    stage.advance()
    copy = published_copy(home, settings)
    if not copy.exists():
        return None
    stage.note("published copy")
    return publish(home, settings)
