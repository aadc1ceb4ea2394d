"""What a warehouse remembers: whom it was told to forget, which erasures are open, and whose key it is under."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from pipelines.ccaip import loaded
from pipelines.ccaip.privacy.forgotten import Forgotten, Remembered
from pipelines.ccaip.tables import ERASURES, FORGOTTEN, PSEUDONYM_KEYS
from pipelines.warehouse.connect import Look, utc


def landed_fingerprint(connection: Connection) -> str | None:
    """The fingerprint of the key that the warehouse's pseudonyms are under; None when nobody has said."""
    relation = Look(connection).relation(PSEUDONYM_KEYS.name)
    return None if relation is None else connection.execute(select(relation.c.fingerprint)).scalar()


def fingerprint_row(key: str) -> dict[str, Any]:
    """The row that says under which key the warehouse is from now on."""
    return {"warehouse": "here", "fingerprint": loaded.fingerprint(key), "since": datetime.now(UTC)}


def check_key(connection: Connection, key: str) -> None:
    """Raise `ConfigurationError` when `key` is not the one that the warehouse is under."""
    loaded.check_key(landed_fingerprint(connection), key)


def forgotten_in(connection: Connection, key: str) -> Forgotten:
    """Whom this warehouse was told to forget. Raises `ConfigurationError` when the key is missing or another."""
    return loaded.forgotten_under(landed_fingerprint(connection), remembered_in(connection), key)


def remembered_in(connection: Connection) -> list[Remembered]:
    """What is remembered of the people that were forgotten."""
    if (relation := Look(connection).relation(FORGOTTEN.name)) is None:
        return []
    column = relation.c
    query = select(column.kind, column.pseudonym, column.choice)
    return sorted(
        (Remembered(*row) for row in connection.execute(query)),
        key=lambda each: (each.kind, each.pseudonym, each.choice),
    )


def erasure_of(connection: Connection, kind: str, pseudonym: str) -> dict[str, Any] | None:
    """The audit row of the erasure in which this value was forgotten; None when it never was."""
    look = Look(connection)
    forgotten, erasures = look.relation(FORGOTTEN.name), look.relation(ERASURES.name)
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
