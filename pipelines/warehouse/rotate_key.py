"""Move the warehouse to a new key for pseudonyms: `callmart privacy rotate-key`.

    add a part to the key (secrets.toml) → replace every pseudonym (a new file) → the published copy

The original values are not needed: each pseudonym is replaced by its own pseudonym under the new part, in every text
of every table, including marts and stored erasures. A key with both parts does the same to calls that are loaded
later, so callers stay the same callers. Old copies, even with the old key, can no longer be joined with the warehouse.

The key is written first. Until the warehouse has been rewritten, a load with the new key is refused, and the same
command finishes an interrupted rotation.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.ccaip.loaded import fingerprint
from pipelines.ccaip.parse_sql import literal, quoted
from pipelines.ccaip.privacy.policy import PREFIX, PSEUDONYM, Pseudonyms
from pipelines.ccaip.tables import PSEUDONYM_KEYS, SOURCE
from pipelines.errors import CallmartError, ConfigurationError
from pipelines.home import Home
from pipelines.progress import Progress
from pipelines.settings import Settings
from pipelines.steps import reached
from pipelines.warehouse import erasure_requests, traces
from pipelines.warehouse.compact import compact
from pipelines.warehouse.connect import replace_records, require_duckdb, writing
from pipelines.warehouse.publish import publish, published_copy

_AT_ONCE = 50_000  # texts


@dataclass(frozen=True, slots=True)
class RotateReport:
    """The result of a rotation: `texts` is the number of distinct texts rewritten, `parts` the key's number of parts."""

    texts: int
    parts: int
    published: Path | None


def longer(key: str) -> str:
    """The key with a new part."""
    return f"{key}.{secrets.token_hex(32)}"


def missing_parts(home: Home, settings: Settings, key: str) -> str:
    """The parts of `key` that the warehouse's pseudonyms do not have yet; empty if there are none.

    Raises `ConfigurationError` if the warehouse has another key. A warehouse without a recorded fingerprint is assumed
    to have `key`, which is then recorded.
    """
    require_duckdb(settings, "privacy rotate-key")
    if not settings.warehouse.exists():
        raise CallmartError(
            f"There is no warehouse at {settings.warehouse}, so there is nothing to rewrite.",
            "Before the first load you can simply set another key.",
        )
    with writing(settings) as warehouse:
        landed = erasure_requests.landed_fingerprint(warehouse.connection)
        if landed is None:
            row = erasure_requests.fingerprint_row(key)
            replace_records(warehouse.connection, PSEUDONYM_KEYS.name, [row])
            warehouse.connection.commit()
            return ""
    parts = key.split(".")
    for count in range(len(parts), 0, -1):
        if fingerprint(".".join(parts[:count])) == landed:
            return ".".join(parts[count:])
    raise ConfigurationError(
        "The key for pseudonyms ([privacy] key) is not the one this warehouse was loaded with.",
        "Set the key that was used before, then rotate it.",
    )


def rotate(settings: Settings, home: Home, progress: Progress, key: str, parts: str) -> RotateReport:
    """Replace every pseudonym by its pseudonym under `parts`, the last ones of `key`. The caller holds the home's lock."""
    renewed = _Renewed(Pseudonyms(parts))
    with progress.stage("rotate the key", total=2, unit="steps") as stage:
        reached("rotate")
        traces.remove_working_files(home)
        traces.clear_logs(home, re.compile(PSEUDONYM.pattern.encode()))
        stage.note("a new file")
        compact(settings.warehouse, "rotate", renewed.copy)
        stage.advance()
        copy = published_copy(home, settings)
        if copy.exists():
            stage.note("published copy")
        published = publish(home, settings) if copy.exists() else None
        stage.advance()
    return RotateReport(renewed.texts, len(key.split(".")), published)


class _Renewed:
    """Copies a database and replaces every pseudonym, also inside JSON. `texts` counts the replaced texts."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self.texts = 0

    def copy(self, connection: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
        connection.execute(f"copy from database {old} to {new} (schema)")
        connection.execute("create temp table renewed (place integer, old varchar, new varchar)")
        for table, texts in _tables(connection, old):
            reached("rotate")
            connection.execute("truncate renewed")
            replaced, joined = [], []
            for place, text in enumerate(texts):
                if self._note(connection, place, f"{old}.{table}", text):
                    replaced.append(f"coalesce(r{place}.new, was.{text}) as {text}")
                    joined.append(
                        f"left join renewed r{place} on r{place}.place = {place} and r{place}.old = was.{text}"
                    )
            columns = f"was.* replace ({', '.join(replaced)})" if replaced else "was.*"
            connection.execute(
                f"insert into {new}.{table} select {columns} from {old}.{table} as was {' '.join(joined)} order by was.rowid"
            )
        connection.execute("drop table renewed")
        connection.execute(f"update {new}.{SOURCE}.{PSEUDONYM_KEYS.name} set since = now()")

    def _note(self, connection: duckdb.DuckDBPyConnection, place: int, table: str, text: str) -> bool:
        """Record the replacement of each distinct text of a column, and return whether there is any."""
        cursor = connection.cursor()
        cursor.execute(
            f"select distinct {text}::varchar from {table} where contains({text}::varchar, {literal(PREFIX)})"
        )
        found = False
        while rows := cursor.fetchmany(_AT_ONCE):
            before = [each for (each,) in rows]
            after = [PSEUDONYM.sub(lambda match: self._pseudonyms.of(match[0]), each) for each in before]
            changes = pa.table({"old": pa.array(before, pa.string()), "new": pa.array(after, pa.string())})
            connection.register("changes", changes)
            connection.execute(f"insert into renewed select {place}, old, new from changes where old <> new")
            connection.unregister("changes")
            self.texts += len(before)
            found = True
        return found


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> Iterator[tuple[str, list[str]]]:
    """Every table with its text columns, quoted."""
    query = """
        select schema_name, table_name, list(column_name order by column_index)
            filter (data_type in ('VARCHAR', 'JSON'))
        from duckdb_columns() semi join duckdb_tables() using (database_name, schema_name, table_name)
        where database_name = ? group by all order by all"""
    for schema, table, texts in connection.execute(query, [database[1:-1].replace('""', '"')]).fetchall():
        yield f"{quoted(schema)}.{quoted(table)}", [quoted(text) for text in texts or ()]
