"""What a warehouse remembers: whom it was told to forget, which erasures are open, and whose key it is under."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, select

from pipelines.ccaip.privacy.forgotten import Forgotten, Remembered
from pipelines.ccaip.privacy.policy import KEY_COMMAND, Pseudonyms
from pipelines.ccaip.schema import record_schema
from pipelines.ccaip.tables import ERASURES, FORGOTTEN, PSEUDONYM_KEYS
from pipelines.errors import ConfigurationError
from pipelines.warehouse.connect import Look, utc
from pipelines.warehouse.duckdb_file import engine_on
from pipelines.warehouse.merging import Change

AnyConnection = Connection | duckdb.DuckDBPyConnection
"""SQLAlchemy's, or DuckDB's own, which the loader and `forget` have open."""

_FIXED_WORD = "callmart: the key of this warehouse"


def fingerprint(key: str) -> str:
    """What tells one key from another, and nothing of either."""
    return Pseudonyms(key).of(_FIXED_WORD)


def landed_fingerprint(connection: AnyConnection) -> str | None:
    """The fingerprint of the key that the warehouse's pseudonyms are under; None when nobody has said."""
    with _sqlalchemy(connection) as opened:
        relation = Look(opened).relation(PSEUDONYM_KEYS.name)
        return None if relation is None else opened.execute(select(relation.c.fingerprint)).scalar()


def fingerprint_row(key: str) -> pa.Table:
    """The row that says under which key the warehouse is from now on."""
    row = {"warehouse": "here", "fingerprint": fingerprint(key), "since": datetime.now(UTC)}
    return pa.Table.from_pylist([row], record_schema(PSEUDONYM_KEYS))


def key_records(connection: AnyConnection, key: str) -> dict[str, Change]:
    """What a load is to land so that the warehouse says whose key it is under; nothing when it does, or has none."""
    if not key or landed_fingerprint(connection):
        return {}
    return {PSEUDONYM_KEYS.name: Change(fingerprint_row(key))}


def check_key(connection: AnyConnection, key: str) -> None:
    """Raise `ConfigurationError` when `key` is not the one that the warehouse is under."""
    landed = landed_fingerprint(connection)
    if landed and key and landed != fingerprint(key):
        raise ConfigurationError(
            "The key for pseudonyms ([privacy] key) is not the one this warehouse was loaded with: the same caller "
            "would get another pseudonym.",
            "Set the key that was used before. After `callmart privacy rotate-key` it is the longer one, on every "
            "machine; if that was cut short, run it again.",
        )


def forgotten_in(connection: AnyConnection, key: str) -> Forgotten:
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


def remembered_in(connection: AnyConnection) -> list[Remembered]:
    """What is remembered of the people that were forgotten."""
    with _sqlalchemy(connection) as opened:
        if (relation := Look(opened).relation(FORGOTTEN.name)) is None:
            return []
        column = relation.c
        query = select(column.kind, column.pseudonym, column.choice)
        return sorted(
            (Remembered(*row) for row in opened.execute(query)),
            key=lambda each: (each.kind, each.pseudonym, each.choice),
        )


def erasure_of(connection: AnyConnection, kind: str, pseudonym: str) -> dict[str, Any] | None:
    """The audit row of the erasure in which this value was forgotten; None when it never was."""
    with _sqlalchemy(connection) as opened:
        look = Look(opened)
        forgotten, erasures = look.relation(FORGOTTEN.name), look.relation(ERASURES.name)
        if forgotten is None or erasures is None:
            return None
        wanted = select(forgotten.c.erasure_id).where(
            forgotten.c.kind == kind, forgotten.c.pseudonym == pseudonym
        )
        query = select(*(erasures.c[column.name] for column in ERASURES.columns)).where(
            erasures.c.erasure_id.in_(wanted)
        )
        found = opened.execute(query).mappings().first()
    if found is None:
        return None
    return {name: utc(each) if isinstance(each, datetime) else each for name, each in found.items()}


@contextmanager
def _sqlalchemy(connection: AnyConnection) -> Iterator[Connection]:
    """The connection itself, or one of SQLAlchemy's to the file that DuckDB's own connection has open."""
    if isinstance(connection, Connection):
        yield connection
        return
    with engine_on(connection).connect() as opened:
        yield opened
