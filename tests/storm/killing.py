"""Kill a load during a dlt stage, recognised by the files in dlt's working folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

STAGES = {
    "extracted": "normalize/**/*.parquet",
    "normalized": "load/normalized/*/new_jobs/*.[ip]*",
    "copying": "load/normalized/*/started_jobs/*.[ip]*",
    "merging": "load/normalized/*/started_jobs/*.sql",
    "merged": "load/normalized/*/completed_jobs/*.sql",
}
"""dlt's stages in order, with the files that show that a package has reached it."""


def kill_at_stage(folder: Path, moment: str, kill: Callable[[], object], is_over: Callable[[], bool]) -> bool:
    """Call `kill` when a package reaches a stage. Returns whether one did before the load was over.

    `folder` is the pipeline's working folder. `moment` is a stage, with `:2` for the second package.
    """
    stage, _, times = moment.partition(":")
    reached: set[str] = set()
    while not is_over():
        try:
            reached |= {_package(file) for file in folder.glob(STAGES[stage])}
        except OSError:  # dlt moves its files
            continue
        if len(reached) >= int(times or 1):
            kill()
            return True
        time.sleep(0.001)
    return False


def _package(file: Path) -> str:
    """The load id in the path of a job's file."""
    return next(part for part in reversed(file.parts) if part.replace(".", "").isdigit())
