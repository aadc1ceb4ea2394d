"""Publish the marts: a copy that dashboards and analysts can keep open without blocking loads.

    warehouse/callmart.duckdb (marts) → published/callmart.duckdb.part → published/callmart.duckdb

DuckDB allows one writer or many readers of a file; the copy has readers only. It has only the tables of the schema
`marts`: raw tables are personal data that no dashboard needs, and views of staging would name tables that are not
in the file. It has the warehouse's name, so that queries use the same catalog in both.

The copy is written next to the old one and replaces it atomically, so a kill leaves the old one complete. Readers
of the old copy keep reading it, and see the new one when they open it again.

Its table `marts.mart_publication` says when it was published and how recent its data is.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb

from pipelines.ccaip.parse_sql import literal, quoted
from pipelines.errors import CallmartError, ConfigurationError, LockedError
from pipelines.home import Home, make_private
from pipelines.settings import Settings
from pipelines.steps import reached
from pipelines.warehouse.compact import remove_draft, write_out

MARTS_SCHEMA = "marts"
PUBLICATION = "mart_publication"
"""The mart with one row on how fresh the marts are."""
_SIGNATURE = {
    "published_at": "When this copy was made (UTC).",
    "callmart_version": "The version of callmart that made it.",
    "build_id": "Another in each publication.",
}
"""What the copy's row has beside the warehouse's."""
_OWNER_ONLY_FOLDER = 0o700


def published_copy(home: Home, settings: Settings) -> Path:
    """The path of the copy, which exists after the first `publish`."""
    return home.root / "published" / settings.warehouse.name


def is_published(home: Home, settings: Settings, since: datetime) -> bool:
    """Whether there is a copy that was made after `since` (UTC)."""
    copy = published_copy(home, settings)
    return copy.exists() and datetime.fromtimestamp(copy.stat().st_mtime, UTC) >= since


def publish(home: Home, settings: Settings) -> Path:
    """Copy the marts and return the copy's path. The caller holds the home's lock.

    Raises `CallmartError` when there are no marts yet, `LockedError` when another program writes the
    warehouse, and `ConfigurationError` if the warehouse is at the path of the copy.
    """
    copy = published_copy(home, settings).resolve()  # replace the target of a symbolic link
    if copy == settings.warehouse.resolve():
        raise ConfigurationError(
            f"The warehouse {settings.warehouse} is at the path of its published copy and would be overwritten.",
            "Move it to another folder and change [destination.duckdb] credentials.",
        )
    copy.parent.mkdir(mode=_OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    draft = copy.with_name(copy.name + ".part")
    remove_draft(draft)  # of a killed publish
    try:
        _copy_marts(settings.warehouse, draft)
        make_private(draft)
        write_out(draft)
        reached("publish")
        draft.replace(copy)
    finally:
        remove_draft(draft)
    return copy


def _copy_marts(warehouse: Path, draft: Path) -> None:
    """Write every table of the marts into a new file."""
    spill = draft.with_name(draft.name + ".spill")  # otherwise DuckDB spills to the current folder
    with duckdb.connect(config={"temp_directory": str(spill)}) as connection:
        _attach(connection, warehouse)
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'original' and schema_name = ?"
            " order by table_name",
            [MARTS_SCHEMA],
        ).fetchall()
        if not tables:
            raise _nothing_to_publish(warehouse)
        connection.execute(f"attach {literal(str(draft))} as published")
        connection.execute(f"create schema published.{MARTS_SCHEMA}")
        for (name,) in tables:
            table = f"{MARTS_SCHEMA}.{quoted(name)}"
            connection.execute(f"create table published.{table} as from original.{table}")
        is_signed = (PUBLICATION,) in tables
        if is_signed:
            _sign(connection)
        _copy_comments(connection, is_signed)
        reached("publish")
        connection.execute("checkpoint published")  # so that the log next to the file is empty
        connection.execute("detach published")


def _copy_comments(connection: duckdb.DuckDBPyConnection, is_signed: bool) -> None:
    """Describe tables and columns as the warehouse does, for BI tools and notebooks."""
    comments = connection.execute(
        """
        select 'table', table_name, null, comment from duckdb_tables()
        where database_name = 'original' and schema_name = $schema and comment is not null
        union all
        select 'column', table_name, column_name, comment from duckdb_columns()
        where database_name = 'original' and schema_name = $schema and comment is not null
        """,
        {"schema": MARTS_SCHEMA},
    ).fetchall()
    comments += [
        ("column", PUBLICATION, column, comment) for column, comment in _SIGNATURE.items() if is_signed
    ]
    for kind, table, column, comment in comments:
        name = f"published.{MARTS_SCHEMA}.{quoted(table)}" + (f".{quoted(column)}" if column else "")
        connection.execute(f"comment on {kind} {name} is {literal(comment)}")


def _sign(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the time, callmart's version and a unique build id into the copy."""
    connection.execute(
        f"""
        create or replace table published.{MARTS_SCHEMA}.{PUBLICATION} as
        select *, now() as published_at, ?::varchar as callmart_version, ?::varchar as build_id
        from original.{MARTS_SCHEMA}.{PUBLICATION}
        """,
        [version("callmart"), uuid.uuid4().hex],
    )


def _attach(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    """Open the warehouse read-only, as `original`."""
    if not warehouse.exists():
        raise _nothing_to_publish(warehouse)
    try:
        connection.execute(f"attach {literal(str(warehouse))} as original (read_only)")
    except duckdb.IOException as error:
        if "lock" not in str(error).lower():
            raise
        raise LockedError(
            f"Another program is writing {warehouse}.", "Close it there, then publish again."
        ) from None


def _nothing_to_publish(warehouse: Path) -> CallmartError:
    return CallmartError(
        f"There are no marts in {warehouse} yet, so there is nothing to publish.",
        "Build them first: `callmart transform`, or `callmart run` for all steps.",
    )
