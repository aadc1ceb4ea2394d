"""Persistent state: erasure requests, open erasures, the key's fingerprint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from pipelines.ccaip import loaded
from pipelines.ccaip.privacy.forgotten import Forgotten, Remembered
from pipelines.ccaip.tables import ERASURES, FORGOTTEN, PSEUDONYM_KEYS
from pipelines.warehouse.connect import Catalog, utc


def landed_fingerprint(connection: Connection) -> str | None:
    """The fingerprint of the key of the warehouse's pseudonyms; None if none is recorded."""
    relation = Catalog(connection).relation(PSEUDONYM_KEYS.name)
    return None if relation is None else connection.execute(select(relation.c.fingerprint)).scalar()


def fingerprint_row(key: str) -> dict[str, Any]:
    """The row that records the key of the warehouse's pseudonyms."""
    return {"warehouse": "here", "fingerprint": loaded.fingerprint(key), "since": datetime.now(UTC)}


def check_key(connection: Connection, key: str) -> None:
    """Raise `ConfigurationError` if the warehouse's pseudonyms were made with another key."""
    loaded.check_key(landed_fingerprint(connection), key)


def forgotten_in(connection: Connection, key: str) -> Forgotten:
    """The people erased from this warehouse. Raises `ConfigurationError` if the key is missing or another one."""
    return loaded.forgotten_under(landed_fingerprint(connection), remembered_in(connection), key)


def remembered_in(connection: Connection) -> list[Remembered]:
    """The stored pseudonyms of erased people."""
    if (relation := Catalog(connection).relation(FORGOTTEN.name)) is None:
        return []
    column = relation.c
    query = select(column.kind, column.pseudonym, column.choice)
    return sorted(
        (Remembered(*row) for row in connection.execute(query)),
        key=lambda each: (each.kind, each.pseudonym, each.choice),
    )


def erasure_of(connection: Connection, kind: str, pseudonym: str) -> dict[str, Any] | None:
    """The audit row of the erasure of this value; None if there is none."""
    catalog = Catalog(connection)
    forgotten, erasures = catalog.relation(FORGOTTEN.name), catalog.relation(ERASURES.name)
    if forgotten is None or erasures is None:
        return None
    wanted = select(forgotten.c.erasure_id).where(
        forgotten.c.kind == kind, forgotten.c.pseudonym == pseudonym
    )
    query = select(*(erasures.c[column.name] for column in ERASURES.columns)).where(
        erasures.c.erasure_id.in_(wanted)
    )
    found = connection.execute(query).mappings().first()
    if found is None:
        return None
    return {name: utc(each) if isinstance(each, datetime) else each for name, each in found.items()}
