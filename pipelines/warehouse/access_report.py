"""What the warehouse holds about a person: `callmart access-report`.

The rows of the person's calls after the privacy policy, without data of agents and without NULLs. A pseudonym is
shown as it is, because it cannot be turned back into the value.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from pipelines.ccaip.privacy.callers import agents_columns, agents_rows
from pipelines.ccaip.privacy.policy import Pseudonyms
from pipelines.ccaip.tables import REJECTED_CALLS, TABLES
from pipelines.errors import CallmartError
from pipelines.settings import Settings
from pipelines.warehouse import erasure_requests
from pipelines.warehouse.connect import raw_rows, raw_table, reading, rows_by_key
from pipelines.warehouse.find_person import Person, Subject, find

_NO_KEY = "nobody's pseudonyms"  # without a key, only unhashed values can be found


def access_report(settings: Settings, subject: Subject) -> dict[str, Any]:
    """The caller ids, the identifiers, and the rows of each table by name. Raises `CallmartError` if nobody is found."""
    with reading(settings) as connection:
        erasure_requests.check_key(connection, settings.privacy_key)
        person = find(connection, subject, Pseudonyms(settings.privacy_key or _NO_KEY))
        if not person.is_here:
            raise CallmartError(
                "Nobody was found: the warehouse holds nothing about this person.",
                "Values are compared exactly as the API gives them. Without the key ([privacy] key), "
                "pseudonyms cannot be found.",
            )
        return {
            "callers": sorted(person.values.callers),
            "identifiers": sorted(person.values.contacts),
            "mentioned_elsewhere": {".".join(place): len(calls) for place, calls in person.mentions.items()},
            "tables": _tables(connection, person),
        }


def _parties(connection: Connection, person: Person) -> pa.Table:
    """The person's rows of `participants`, without agents and other callers."""
    rows = raw_rows(connection, "participants", [*person.calls, *{call_id for call_id, _ in person.parties}])
    others = pc.invert(pc.is_in(rows["end_user_id"], pa.array([None, *person.values.callers], pa.string())))
    mine = pc.is_in(rows["call_id"], pa.array(person.calls, pa.int64()))
    mine = pc.and_(mine, pc.invert(pc.or_(agents_rows(rows), others)))
    joined = zip(rows["call_id"].to_pylist(), rows["idx"].to_pylist(), strict=True)
    return rows.filter(
        pc.or_(mine, pa.chunked_array([[each in person.parties for each in joined]], pa.bool_()))
    )


def _tables(connection: Connection, person: Person) -> dict[str, list[dict[str, Any]]]:
    """The person's rows by table, without NULLs and without empty tables."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for name, declared in TABLES.items():
        if name == "participants":
            rows = _parties(connection, person)
        else:
            rows = raw_rows(connection, name, person.calls)
        told = rows.drop_columns([column.name for column in agents_columns(declared)])
        tables[name] = [
            {key: value for key, value in row.items() if value is not None} for row in told.to_pylist()
        ]
    source = raw_table(REJECTED_CALLS.name).c
    query = select(source.call_key, source.reason, source.body)
    rejected = rows_by_key(connection, query, source.call_key, person.rejected)
    tables[REJECTED_CALLS.name] = [dict(row._mapping) for row in rejected]
    return {name: each for name, each in tables.items() if each}
