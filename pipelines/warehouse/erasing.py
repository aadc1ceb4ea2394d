"""What the raw tables hold once a person is erased: rows to land over those that are there.

Landed like any load: the calls get a new load id, so the marts compute them anew by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, func, select

from pipelines.ccaip.parse import arrow_schema
from pipelines.ccaip.privacy.callers import anonymous, without_parties
from pipelines.ccaip.privacy.forgotten import Choice
from pipelines.ccaip.schema import NAME, merge_key, record_schema
from pipelines.ccaip.tables import DRIFT, RECONCILED_DAYS, REJECTED_CALLS, TABLES, VANISHED_CALLS, Table
from pipelines.warehouse.asking import ask, existing_tables
from pipelines.warehouse.connect import raw_table, rows_by_key
from pipelines.warehouse.find_person import Person
from pipelines.warehouse.merging import Change


def erased(connection: duckdb.DuckDBPyConnection, person: Person, choice: Choice) -> dict[str, Change]:
    """What erases the person, by table; tables without a change are left out."""
    changes = _calls(connection, person, choice)
    removed = person.calls if choice == "removed" else []
    if person.rejected:
        changes[REJECTED_CALLS.name] = _rejected(connection, person.rejected, choice)
    if removed:
        changes[RECONCILED_DAYS.name] = Change(_recounted(connection, removed))
        changes[VANISHED_CALLS.name] = _gone(VANISHED_CALLS, {"call_id": removed})
    if (keys := _drift(connection, person.values.texts)) is not None:
        changes[DRIFT.name] = Change(record_schema(DRIFT).empty_table(), keys)
    return {
        name: change
        for name, change in changes.items()
        if change.rows.num_rows or (change.gone and change.gone.num_rows)
    }


def counts(connection: Connection, person: Person) -> Counter[str]:
    """How many rows of each table the person is in."""
    counted: Counter[str] = Counter()
    for name in TABLES:
        key = raw_table(name).c[merge_key(name)[0]]
        query = select(func.count()).select_from(raw_table(name))
        counted[name] += sum(count for (count,) in rows_by_key(connection, query, key, person.calls))
    counted["participants"] += len(person.parties)
    for (name, _), calls in person.mentions.items():
        counted[name] += len(calls)
    counted[REJECTED_CALLS.name] += len(person.rejected)
    return +counted


def _calls(connection: duckdb.DuckDBPyConnection, person: Person, choice: Choice) -> dict[str, Change]:
    """The person's calls made anonymous or removed, and the calls of others without what names the person."""
    ids = pa.array(person.calls, pa.int64())
    changes: dict[str, Change] = {}
    for name in TABLES:
        rows = rows_of(connection, name, person.calls if choice == "anonymous" else [])
        rows = anonymous({name: rows}, ids)[name]
        fields = [field for table, field in person.mentions if table == name]
        parties = person.parties if name == "participants" else []
        others = {each for field in fields for each in person.mentions[name, field]} | {
            each for each, _ in parties
        }
        if others:
            rest = _without_mentions(rows_of(connection, name, sorted(others)), fields, person)
            if parties:
                rest = without_parties(rest, parties)
            rows = pa.concat_tables([rows, rest])
        gone = pa.array([*person.calls, *others], pa.int64())
        changes[name] = Change(rows, pa.table({merge_key(name)[0]: gone}))
    return changes


def rows_of(connection: duckdb.DuckDBPyConnection, name: str, ids: Iterable[int]) -> pa.Table:
    """All rows that these calls have in a table, as they landed."""
    schema = arrow_schema(TABLES[name])
    json = {each.name for each in TABLES[name].columns if each.type == "json"} | {"_extra"}
    columns = [f"{each}::varchar as {each}" if each in json else each for each in schema.names]
    rows = ask(
        connection,
        f"select {', '.join(columns)} from {NAME}.{name}"
        f" semi join wanted on {name}.{merge_key(name)[0]} = wanted.id",
        wanted=pa.table({"id": pa.array(ids, pa.int64())}),
    )
    return rows.cast(schema)


def _without_mentions(rows: pa.Table, fields: list[str], person: Person) -> pa.Table:
    for field in fields:
        place = rows.schema.get_field_index(field)
        kept = [
            None if cell is not None and any(text in cell for text in person.values.texts) else cell
            for cell in rows[field].to_pylist()
        ]
        rows = rows.set_column(place, rows.schema.field(place), pa.array(kept, rows.schema.field(place).type))
    return rows


def _rejected(connection: duckdb.DuckDBPyConnection, keys: list[str], choice: Choice) -> Change:
    """The calls that could not be read without their bodies, or gone."""
    if choice == "removed":
        return _gone(REJECTED_CALLS, {"call_key": keys})
    erased_values = {"body": "null", "whole": "false"}
    columns = ", ".join(
        f"{erased_values.get(each.name, each.name)} as {each.name}" for each in REJECTED_CALLS.columns
    )
    query = f"select {columns} from {NAME}.{REJECTED_CALLS.name} semi join keys using (call_key)"
    rows = ask(connection, query, keys=pa.table({"call_key": keys}))
    return Change(rows.cast(record_schema(REJECTED_CALLS)))


def _recounted(connection: duckdb.DuckDBPyConnection, removed: list[int]) -> pa.Table:
    """The reconciled days of calls that go: neither side counts them any more."""
    columns = ", ".join(
        f"{each.name} - gone.calls as {each.name}"
        if each.name in ("counted_by_api", "in_warehouse")
        else each.name
        for each in RECONCILED_DAYS.columns
    )
    rows = ask(
        connection,
        f"""
        with dated as (
            select unnest(['queued_at', 'updated_at']) as counted_by, unnest([queued_at, updated_at]) as moment
            from {NAME}.calls semi join removed using (id)
        ),
        gone as (select counted_by, date_trunc('day', moment) as day, count(*) as calls from dated group by all)
        select {columns}
        from {NAME}.{RECONCILED_DAYS.name} inner join gone using (counted_by, day)""",
        removed=pa.table({"id": pa.array(removed, pa.int64())}),
    )
    return rows.cast(record_schema(RECONCILED_DAYS))


def _drift(connection: duckdb.DuckDBPyConnection, texts: Iterable[str]) -> pa.Table | None:
    """The keys of noticed drift that names the person."""
    if DRIFT.name not in existing_tables(connection):
        return None
    key = ", ".join(DRIFT.key)
    query = (
        f"select {key} from {NAME}.{DRIFT.name} where exists (from texts where contains(value, texts.text))"
    )
    return ask(connection, query, texts=pa.table({"text": pa.array(texts, pa.string())}))


def _gone(table: Table, keys: dict[str, list[Any]]) -> Change:
    """Rows of a record table go, and none comes."""
    return Change(record_schema(table).empty_table(), pa.table(keys))
