"""Rewrite the warehouse file, so that no deleted or replaced data is left in it.

    warehouse/callmart.duckdb → warehouse/callmart.duckdb.part → warehouse/callmart.duckdb

DuckDB marks the blocks of deleted rows as free and does not overwrite them. A new file has only current
data. It replaces the old one atomically, so a kill leaves either the old or the new warehouse. This needs as much
free disk space as the warehouse uses.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb

from pipelines.ccaip.parse_sql import literal, quoted
from pipelines.home import make_private
from pipelines.steps import Step, reached
from pipelines.warehouse.duckdb_file import writing

Copy = Callable[[duckdb.DuckDBPyConnection, str, str], None]
"""Copies one attached database into another. Arguments: connection, quoted name of the source, of the target."""

_MEMORY = "1GB"


def copy_all(connection: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
    """Copy everything: tables, views, constraints, comments."""
    connection.execute(f"copy from database {old} to {new}")


def compact(warehouse: Path, step: Step, copy: Copy = copy_all) -> None:
    """Replace the file by a copy. The caller holds the home's lock and has closed the file.

    If `warehouse` is a symbolic link, the file it points to is replaced and the link stays: otherwise the old
    file, with everything that was deleted, would stay where the link pointed. `step` is the name of this
    step in `steps`. Raises `LockedError` when another program has the file open.
    """
    with writing(warehouse) as connection:  # applies the log of a killed writer
        connection.execute("checkpoint")
    target = warehouse.resolve()
    draft = target.with_name(target.name + ".part")
    remove_draft(draft)  # of a killed compaction
    spill = draft.with_name(draft.name + ".spill")
    # Views name the catalog, which is the file's stem: the new file needs that stem while they are created.
    old, new = quoted(warehouse.stem + "_before"), quoted(warehouse.stem)
    try:
        with duckdb.connect(config={"temp_directory": str(spill), "memory_limit": _MEMORY}) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(f"attach {literal(str(warehouse))} as {old} (read_only)")
            connection.execute(f"attach {literal(str(draft))} as {new}")
            copy(connection, old, new)
            connection.execute(f"checkpoint {new}")
            connection.execute(f"detach {new}")
        make_private(draft)
        write_out(draft)
        reached(step)
        draft.replace(target)
    finally:
        remove_draft(draft)
    for file in {warehouse, target}:  # spilled data of a killed writer
        shutil.rmtree(file.with_name(file.name + ".tmp"), ignore_errors=True)


def write_out(file: Path) -> None:
    """Flush the file to disk, so that after a power cut the new name never refers to half a file."""
    with file.open("rb") as written:
        os.fsync(written.fileno())


def remove_draft(draft: Path) -> None:
    """Remove the draft with its log and spilled data."""
    for leftover in draft.parent.glob(draft.name + "*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
