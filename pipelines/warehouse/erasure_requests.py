"""What a warehouse remembers: whom it was told to forget, which erasures are open, and whose key it is under."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.ccaip.privacy.forgotten import Forgotten, Remembered
from pipelines.ccaip.privacy.policy import KEY_COMMAND, Pseudonyms
from pipelines.ccaip.schema import NAME, record_schema
from pipelines.ccaip.tables import ERASURES, FORGOTTEN, PSEUDONYM_KEYS
from pipelines.errors import ConfigurationError
from pipelines.warehouse.asking import ask, ask_rows, existing_tables
from pipelines.warehouse.merging import Change

_FIXED_WORD = "callmart: the key of this warehouse"


def fingerprint(key: str) -> str:
    """What tells one key from another, and nothing of either."""
    return Pseudonyms(key).of(_FIXED_WORD)


def landed_fingerprint(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The fingerprint of the key that the warehouse's pseudonyms are under; None when nobody has said."""
    if PSEUDONYM_KEYS.name not in existing_tables(connection):
        return None
    found = ask_rows(connection, f"select fingerprint from {NAME}.{PSEUDONYM_KEYS.name}")
    return found[0][0] if found else None


def fingerprint_row(key: str) -> pa.Table:
    """The row that says under which key the warehouse is from now on."""
    row = {"warehouse": "here", "fingerprint": fingerprint(key), "since": datetime.now(UTC)}
    return pa.Table.from_pylist([row], record_schema(PSEUDONYM_KEYS))


def key_records(connection: duckdb.DuckDBPyConnection, key: str) -> dict[str, Change]:
    """What a load is to land so that the warehouse says whose key it is under; nothing when it does, or has none."""
    if not key or landed_fingerprint(connection):
        return {}
    return {PSEUDONYM_KEYS.name: Change(fingerprint_row(key))}


def check_key(connection: duckdb.DuckDBPyConnection, key: str) -> None:
    """Raise `ConfigurationError` when `key` is not the one that the warehouse is under."""
    landed = landed_fingerprint(connection)
    if landed and key and landed != fingerprint(key):
        raise ConfigurationError(
            "The key for pseudonyms ([privacy] key) is not the one this warehouse was loaded with: the same caller "
            "would get another pseudonym.",
            "Set the key that was used before. After `callmart privacy rotate-key` it is the longer one, on every "
            "machine; if that was cut short, run it again.",
        )


def forgotten_in(connection: duckdb.DuckDBPyConnection, key: str) -> Forgotten:
    """Whom this warehouse was told to forget. Raises `ConfigurationError` when the key is missing or another."""
    check_key(connection, key)
    remembered = remembered_in(connection)
    if remembered and not key:
        raise ConfigurationError(
            "People were forgotten in this warehouse, and without the key for pseudonyms ([privacy] key) a load "
            "could not tell who they are and would bring them back.",
            f"Set the key that was used when they were forgotten. (`{KEY_COMMAND}` makes a new one, which does not help.)",
        )
    return Forgotten(remembered, Pseudonyms(key) if key else None)


def remembered_in(connection: duckdb.DuckDBPyConnection) -> list[Remembered]:
    """What is remembered of the people that were forgotten."""
    if FORGOTTEN.name not in existing_tables(connection):
        return []
    query = f"select kind, pseudonym, choice from {NAME}.{FORGOTTEN.name} order by all"
    return [Remembered(*row) for row in ask_rows(connection, query)]


def erasure_of(connection: duckdb.DuckDBPyConnection, kind: str, pseudonym: str) -> dict[str, Any] | None:
    """The audit row of the erasure in which this value was forgotten; None when it never was."""
    if not {FORGOTTEN.name, ERASURES.name} <= existing_tables(connection):
        return None
    columns = ", ".join(column.name for column in ERASURES.columns)
    found = ask(
        connection,
        f"select {columns} from {NAME}.{ERASURES.name} semi join"
        f" (from {NAME}.{FORGOTTEN.name} semi join wanted using (kind, pseudonym)) using (erasure_id)",
        wanted=pa.table({"kind": [kind], "pseudonym": [pseudonym]}),
    ).to_pylist()
    return found[0] if found else None
