"""Erase calls, and values that name a person, from the raw tables.

Calls that stay get a new load id, so that the marts recompute them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from pipelines.ccaip.privacy.callers import anonymous, without_parties
from pipelines.ccaip.privacy.forgotten import Choice
from pipelines.ccaip.schema import call_key, linked
from pipelines.ccaip.tables import DRIFT, RECONCILED_DAYS, REJECTED_CALLS, TABLES, VANISHED_CALLS
from pipelines.warehouse.connect import Catalog, batches, linked_table, raw_rows, raw_table, rows_by_key, utc
from pipelines.warehouse.find_person import Person

_ROWS_OF_ONE_INSERT = 200


def erase_person(connection: Connection, person: Person, choice: Choice) -> None:
    """Make the person's calls anonymous or remove them, and erase the person from other rows. Does not commit."""
    changed = {name: _changed_rows(connection, name, person, choice) for name in TABLES}
    if choice == "removed":
        _lower_reconciled_counts(connection, person.calls)
        _delete_by_key(connection, VANISHED_CALLS.name, "call_id", person.calls)
    for name, (rows, calls) in changed.items():
        _delete_by_key(connection, name, call_key(name), calls)
        _insert(connection, name, rows)
    _erase_rejected(connection, person.rejected, choice)
    _delete_drift(connection, person.values.texts)


def delete_calls(connection: Connection, ids: Iterable[int]) -> None:
    """Delete calls with all their rows. Does not commit."""
    for name in TABLES:
        _delete_by_key(connection, name, call_key(name), ids)


def counts(connection: Connection, person: Person) -> Counter[str]:
    """The number of the person's rows in each table."""
    counted: Counter[str] = Counter()
    for name in TABLES:
        key = raw_table(name).c[call_key(name)]
        query = select(func.count()).select_from(raw_table(name))
        counted[name] += sum(count for (count,) in rows_by_key(connection, query, key, person.calls))
    counted["participants"] += len(person.parties)
    for (name, _), calls in person.mentions.items():
        counted[name] += len(calls)
    counted[REJECTED_CALLS.name] += len(person.rejected)
    return +counted


def _changed_rows(
    connection: Connection, name: str, person: Person, choice: Choice
) -> tuple[pa.Table, list[int]]:
    """The new rows of a table, and the calls whose rows they replace.

    The person's own calls become anonymous or have no rows. Calls of others lose values that name the person.
    """
    own = raw_rows(connection, name, person.calls if choice == "anonymous" else [])
    rows = anonymous({name: own}, pa.array(person.calls, pa.int64()))[name]
    fields = [field for table, field in person.mentions if table == name]
    parties = person.parties if name == "participants" else []
    others = {each for field in fields for each in person.mentions[name, field]} | {
        each for each, _ in parties
    }
    if others:
        rest = _without_mentions(raw_rows(connection, name, sorted(others)), fields, person)
        rows = pa.concat_tables([rows, without_parties(rest, parties) if parties else rest])
    return rows, [*person.calls, *others]


def _without_mentions(rows: pa.Table, fields: list[str], person: Person) -> pa.Table:
    for field in fields:
        place = rows.schema.get_field_index(field)
        kept = [
            None if cell is not None and any(text in cell for text in person.values.texts) else cell
            for cell in rows[field].to_pylist()
        ]
        rows = rows.set_column(place, rows.schema.field(place), pa.array(kept, rows.schema.field(place).type))
    return rows


def _erase_rejected(connection: Connection, keys: list[str], choice: Choice) -> None:
    """Remove unreadable calls, or their stored bodies."""
    if choice == "removed":
        _delete_by_key(connection, REJECTED_CALLS.name, "call_key", keys)
        return
    kept = raw_table(REJECTED_CALLS.name)
    for some in batches(keys):
        connection.execute(update(kept).where(kept.c.call_key.in_(some)).values(body=None, whole=False))


def _lower_reconciled_counts(connection: Connection, removed: list[int]) -> None:
    """Subtract removed calls from the counts of the reconciled days on both sides."""
    calls, days = raw_table("calls"), raw_table(RECONCILED_DAYS.name)
    if Catalog(connection).relation(RECONCILED_DAYS.name) is None:
        return
    gone: Counter[tuple[str, datetime]] = Counter()
    query = select(calls.c.queued_at, calls.c.updated_at)
    for queued_at, updated_at in rows_by_key(connection, query, calls.c.id, removed):
        for counted_by, moment in (("queued_at", queued_at), ("updated_at", updated_at)):
            if moment is not None:
                gone[counted_by, _midnight(moment)] += 1
    for (counted_by, day), count in gone.items():
        connection.execute(
            update(days)
            .where(days.c.counted_by == counted_by, days.c.day >= day, days.c.day < day + timedelta(days=1))
            .values(counted_by_api=days.c.counted_by_api - count, in_warehouse=days.c.in_warehouse - count)
        )


def _midnight(moment: datetime) -> datetime:
    return (utc(moment) or moment).replace(hour=0, minute=0, second=0, microsecond=0)


def _delete_drift(connection: Connection, texts: Iterable[str]) -> None:
    """Delete recorded drift that names the person."""
    noticed = raw_table(DRIFT.name)
    if conditions := [noticed.c.value.contains(each, autoescape=True) for each in texts]:
        connection.execute(delete(noticed).where(or_(*conditions)))


def _delete_by_key(connection: Connection, name: str, key: str, values: Iterable[int | str]) -> None:
    source = raw_table(name)
    for some in batches(list(values)):
        connection.execute(delete(source).where(source.c[key].in_(some)))


def _insert(connection: Connection, name: str, rows: pa.Table) -> None:
    """Insert rows of calls with dlt's linking columns and a new load id."""
    load_id = f"{datetime.now(UTC).timestamp():.6f}"
    whole: list[Mapping[str, object]] = linked(name, rows, load_id).to_pylist()
    for some in batches(whole, _ROWS_OF_ONE_INSERT):
        connection.execute(insert(linked_table(name)).values(list(some)))
