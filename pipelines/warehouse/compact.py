"""Writes the warehouse anew, so that nothing that was deleted or replaced is left in its file.

    warehouse/callmart.duckdb → warehouse/callmart.duckdb.part → warehouse/callmart.duckdb

DuckDB marks the blocks of deleted rows as free and does not overwrite them. A new file holds only what is
there. It takes the old one's place at once, so a kill at any moment leaves a whole warehouse, old or new. It
needs as much disk again as the warehouse has in use.
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
"""Copies the database of the second argument into that of the third: attached, by their quoted names."""

_MEMORY = "1GB"


def copy_all(connection: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
    """Everything as it is: tables, views, constraints, comments."""
    connection.execute(f"copy from database {old} to {new}")


def compact(warehouse: Path, step: Step, copy: Copy = copy_all) -> None:
    """Replace the file by a copy; the caller holds the home's lock and has it closed.

    If `warehouse` is a symbolic link, the file it points to is replaced and the link stays: otherwise the old
    file, with everything that was deleted, would stay where the link pointed. `step` is the named step this
    is part of. Raises `LockedError` when another program has the file open.
    """
    with writing(warehouse) as connection:  # takes in what a killed writer left in the log
        connection.execute("checkpoint")
    target = warehouse.resolve()
    draft = target.with_name(target.name + ".part")
    remove_draft(draft)  # what a killed compaction left
    spill = draft.with_name(draft.name + ".spill")
    # Views name the catalog, which is the file's stem: the new file must bear it while they are made.
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
    for file in {warehouse, target}:  # what a killed writer spilled
        shutil.rmtree(file.with_name(file.name + ".tmp"), ignore_errors=True)


def write_out(file: Path) -> None:
    """Wait until the file is on the disk: after a power cut a name must not stand for half a file."""
    with file.open("rb") as written:
        os.fsync(written.fileno())


def remove_draft(draft: Path) -> None:
    """Remove the draft and what DuckDB puts beside it: its log, what it spilled."""
    for leftover in draft.parent.glob(draft.name + "*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
