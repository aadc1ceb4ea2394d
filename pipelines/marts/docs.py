"""The models' documentation as one HTML page that needs no server: `make docs` → `build/callmart-docs.html`.

dbt writes it from the project, so it works in a fresh clone, without column types. These come from an empty copy of a
warehouse, the home's or else the demo's: so no row can get into the page, and readers can keep the warehouse open. The
page contains nothing about this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipelines.ccaip.parse_sql import literal, quoted
from pipelines.errors import CallmartError, LockedError, TransformError
from pipelines.home import REPOSITORY, Home
from pipelines.marts.dbt_runner import (
    PROJECT_DIR,
    clean_environment,
    dbt_variables,
    duckdb_connection,
    started,
)

BUILD = REPOSITORY / "build"
PAGE = "callmart-docs.html"


def write_page(warehouses: Sequence[Path], build: Path = BUILD) -> Path:
    """Write the page to `build` and return its path. Column types are those of the first warehouse that exists.

    Raises `LockedError` when a load is writing that warehouse, `TransformError` with dbt's output if dbt failed.
    """
    target = build / "dbt"
    target.mkdir(parents=True, exist_ok=True)
    shape = target / "callmart.duckdb"
    shape.unlink(missing_ok=True)
    try:
        for warehouse in [path for path in warehouses if path.exists()][:1]:
            copy_shape(warehouse, shape)
        return generate_page(shape, target).replace(build / PAGE)
    finally:
        shape.unlink(missing_ok=True)


def generate_page(warehouse: Path, target: Path) -> Path:
    """Generate the page in `target` with the tables of `warehouse`, which may be empty, and return its path."""
    environment = clean_environment() | duckdb_connection(warehouse, target)
    options = [
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(target), "--log-path", str(target)),
        *("--vars", json.dumps(dbt_variables())),
    ]
    # parsed, not compiled: compiled SQL would put paths of this machine into the page
    for command in (["parse"], ["docs", "generate", "--static", "--no-compile"]):
        words = ["--quiet", "--no-use-colors", "--partial-parse", *command, *options]
        with started("dbt", words, target, environment, subprocess.PIPE) as dbt:
            said, _ = dbt.communicate()
        if dbt.returncode:
            raise TransformError(f"dbt could not write the documentation: {said.strip()}")
    page = target / "static_index.html"
    # dbt writes the absolute path of each seed
    here = json.dumps(str(REPOSITORY))[1:-1]
    page.write_text(page.read_text(encoding="utf-8").replace(f"{here}/", ""), encoding="utf-8")
    return page


def copy_shape(warehouse: Path, shape: Path) -> None:
    """Create every table and view of `warehouse` in a new file, as a table without rows."""
    with duckdb.connect(str(shape)) as connection:
        try:
            connection.execute(f"attach {literal(str(warehouse))} as source (read_only)")
        except duckdb.IOException as error:
            raise LockedError(
                f"{warehouse} cannot be read now: {error}", "Try again after the load."
            ) from error
        tables = connection.execute(
            "select schema_name, table_name, list(column_name order by column_index),"
            " list(data_type order by column_index)"
            " from duckdb_columns() where database_name = 'source' and not internal group by all"
        ).fetchall()
        for schema, table, columns, types in tables:
            typed = ", ".join(f"{quoted(name)} {kind}" for name, kind in zip(columns, types, strict=True))
            connection.execute(f"create schema if not exists {quoted(schema)}")
            connection.execute(f"create table {quoted(schema)}.{quoted(table)} ({typed})")


def main() -> int:
    """Write the page, print its path and return one of callmart's exit codes."""
    home = Home.find()
    try:
        page = write_page([home.warehouse, Home(home.root / "demo").warehouse])
    except CallmartError as error:
        sys.stderr.write(f"{error} {error.mend}\n")
        return error.exit_code
    sys.stdout.write(f"The models' documentation: {os.path.relpath(page)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
