"""Writes the warehouse anew, so that nothing that was deleted or replaced is left in its file.

    warehouse/callmart.duckdb → warehouse/callmart.duckdb.part → warehouse/callmart.duckdb

DuckDB marks the blocks of deleted rows as free and does not overwrite them. A new file holds only what is
there. It takes the old one's place at once, so a kill at any moment leaves a whole warehouse, old or new. It
needs as much disk again as the warehouse has in use.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb

from pipelines.ccaip.parse_sql import literal, quoted
from pipelines.steps import Step, reached
from pipelines.warehouse.drafts import remove_draft, write_out
from pipelines.warehouse.duckdb_file import writing

Copy = Callable[[duckdb.DuckDBPyConnection, str, str], None]
"""Copies the database of the second argument into that of the third: attached, by their quoted names."""

_MEMORY = "1GB"
_OWNER_ONLY = 0o600  # calls are personal data


def copy_all(connection: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
    """Everything as it is: tables, views, constraints, comments."""
    connection.execute(f"copy from database {old} to {new}")


def compact(warehouse: Path, step: Step, copy: Copy = copy_all) -> None:
    """Replace the file by a copy; the caller holds the home's lock and has it closed.

    `step` is the named step this is part of. Raises `LockedError` when another program has the file open.
    """
    with writing(warehouse) as connection:  # takes in what a killed writer left in the log
        connection.execute("checkpoint")
    draft = warehouse.with_name(warehouse.name + ".part")
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
        draft.chmod(_OWNER_ONLY)
        write_out(draft)
        reached(step)
        draft.replace(warehouse)
    finally:
        remove_draft(draft)
    shutil.rmtree(
        warehouse.with_name(warehouse.name + ".tmp"), ignore_errors=True
    )  # what a killed writer spilled
