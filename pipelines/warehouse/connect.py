"""Connections to the warehouse: one way to read and one way to write, on every engine.

    with reading(settings) as connection:      SQLAlchemy, read-only, UTC
    with writing(settings) as warehouse:       warehouse.connection   SQLAlchemy, UTC
                                               warehouse.destination  for dlt.pipeline(destination=…)

On DuckDB both parts of `writing` share one open file. Code for DuckDB only is in `duckdb_file`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import (
    JSON,
    URL,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Double,
    Engine,
    Inspector,
    MetaData,
    Row,
    Select,
    Table,
    TableClause,
    Text,
    and_,
    cast,
    column,
    create_engine,
    delete,
    func,
    insert,
    inspect,
    or_,
    select,
    table,
    tuple_,
)
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from pipelines.ccaip.parse import arrow_schema
from pipelines.ccaip.schema import DECLARED, LIST_INDEX, LOAD_ID, PARENT_ID, ROOT_ID, ROW_ID, merge_key
from pipelines.ccaip.tables import EXTRA, SOURCE, TABLES
from pipelines.ccaip.windows import Cursor, in_utc
from pipelines.errors import CallmartError, ConfigurationError
from pipelines.settings import Settings
from pipelines.warehouse import duckdb_file, postgres

LINKS = (ROW_ID, PARENT_ID, ROOT_ID, LIST_INDEX)
"""The columns by which dlt links nested tables. Missing from warehouses of callmart 0.1."""

_BATCH = 2_000  # keys of one `IN`
_ROWS_OF_ONE_INSERT = 200
_CONNECT_TIMEOUT_SECONDS = 15


# --- reading and writing --------------------------------------------------------------------------


def exists(settings: Settings) -> bool:
    """Whether anything was loaded into the warehouse. Raises `CallmartError` if it cannot be reached."""
    if settings.destination == "duckdb":
        return settings.warehouse.exists()
    with _connect(settings) as connection:
        return inspect(connection).has_schema(SOURCE)


@contextmanager
def reading(settings: Settings) -> Iterator[Connection]:
    """A read-only connection in UTC.

    Raises `CallmartError` when there is no warehouse yet or it cannot be reached, `LockedError` while
    another process writes a DuckDB file.
    """
    if settings.destination == "duckdb":
        if not settings.warehouse.exists():
            raise _no_warehouse(settings)
        with (
            duckdb_file.reading_errors(settings.warehouse),
            duckdb_file.reading_engine(settings.warehouse).connect() as opened,
        ):
            yield opened
        return
    with _connect(settings) as connection:
        if not inspect(connection).has_schema(SOURCE):
            raise _no_warehouse(settings)
        connection.rollback()
        if connection.dialect.name == "postgresql":
            connection.execution_options(postgresql_readonly=True)
        yield connection


class Warehouse:
    """A warehouse that is open for writing. `raw` is DuckDB's own connection, None on other engines."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.raw: duckdb.DuckDBPyConnection | None = None
        self._open()

    def _open(self) -> None:
        if self._settings.destination == "duckdb":
            self.raw = duckdb_file.open_for_writing(self._settings.warehouse)
            self.connection = duckdb_file.engine_on(self.raw).connect()
        else:
            self.connection = _connect(self._settings)
            postgres.begin_writing(self.connection, self._settings.warehouse_name)

    @property
    def destination(self) -> Any:
        """The dlt destination: the open file on DuckDB, else one with the credentials."""
        import dlt

        settings = self._settings
        if self.raw is not None:
            return dlt.destinations.duckdb(duckdb_file.dlt_credentials(self.raw))
        if settings.destination == "postgres":
            return dlt.destinations.postgres(credentials=_url(settings, "postgresql").render_as_string(False))
        return dlt.destinations.bigquery(
            credentials=dict(settings.credentials), location=settings.credentials.get("location", "US")
        )

    def reopen(self) -> None:
        """Close and reopen the warehouse. Needed after a failed DuckDB commit."""
        self.close()
        self._open()

    def close(self) -> None:
        """Close both connections and roll back what is not committed."""
        self.connection.close()
        if self.raw is not None:
            self.raw.close()


@contextmanager
def writing(settings: Settings) -> Iterator[Warehouse]:
    """The warehouse, open for writing; on DuckDB the file is created if it does not exist.

    Raises `LockedError` when another program has a DuckDB file open or another callmart writes to Postgres,
    `CallmartError` when the warehouse cannot be reached, `ConfigurationError` for BigQuery.
    """
    if settings.destination == "bigquery":
        # SQLAlchemy has no transactions there: a load or an erasure that is cut short would leave half of itself.
        raise ConfigurationError(
            "callmart does not write calls to BigQuery, or erase them there: nothing was changed.",
            "Load them with the dlt source, and build the marts with `callmart transform`: docs/destinations.md.",
        )
    if settings.destination != "duckdb":
        warehouse = Warehouse(settings)
        try:
            yield warehouse
        finally:
            warehouse.close()
        return
    with duckdb_file.file_errors(settings.warehouse):
        duckdb_file.prepare(settings.warehouse)
        warehouse = Warehouse(settings)
        try:
            yield warehouse
        finally:
            warehouse.close()


def require_duckdb(settings: Settings, command: str) -> None:
    """Raise `ConfigurationError` if a command that only supports DuckDB is used with another warehouse."""
    if settings.destination != "duckdb":
        raise ConfigurationError(
            f"`callmart {command}` does not work on {settings.destination} yet: nothing was changed.",
            'It works with [destination] name = "duckdb".',
        )


def _no_warehouse(settings: Settings) -> CallmartError:
    if settings.destination == "duckdb":
        return CallmartError(
            f"There is no warehouse at {settings.warehouse} yet.",
            "Load calls first: `callmart run`. If it is elsewhere, set [destination.duckdb] credentials.",
        )
    return CallmartError(
        f"{settings.warehouse_name} has no schema {SOURCE} yet.",
        f"Load calls first: `callmart run`. If they are elsewhere, set [destination.{settings.destination}.credentials].",
    )


def _connect(settings: Settings) -> Connection:
    try:
        return _engine(settings).connect()
    except DBAPIError as error:
        raise _unreachable(settings, str(error.orig)) from None  # the cause may quote the credentials


def _engine(settings: Settings) -> Engine:
    driver = {"postgres": "postgresql+psycopg2", "bigquery": "bigquery"}[settings.destination]
    options: dict[str, Any] = (
        {"connect_args": {"options": "-c timezone=utc", "connect_timeout": _CONNECT_TIMEOUT_SECONDS}}
        if settings.destination == "postgres"
        else {"credentials_info": dict(settings.credentials)}
    )
    try:
        return create_engine(_url(settings, driver), poolclass=NullPool, **options)
    except (ImportError, NoSuchModuleError):
        raise ConfigurationError(
            f"The driver for {settings.destination} is not installed.",
            f"Install it with callmart's extra: `pip install 'callmart[{settings.destination}]'`.",
        ) from None
    except ArgumentError:
        raise ConfigurationError(
            f"[destination.{settings.destination}.credentials] is incomplete or not readable.",
            "See docs/destinations.md for an example.",
        ) from None


def _url(settings: Settings, driver: str) -> URL:
    given = settings.credentials
    if settings.destination == "bigquery":
        return URL.create(driver, host=given["project_id"])
    return URL.create(
        driver,
        username=given["username"],
        password=given.get("password"),
        host=given.get("host"),
        port=int(given.get("port") or 5432),
        database=given["database"],
        query=given.get("query") or {},
    )


def _unreachable(settings: Settings, said: str) -> CallmartError:
    """The error for a failed connection. The driver's message names host, user and database, never a password."""
    name, section = settings.warehouse_name, f"[destination.{settings.destination}.credentials]"
    words = said.lower()
    if "authentication failed" in words or "no password supplied" in words:
        return ConfigurationError(
            f"{name} refuses the user name or the password.",
            f"Correct username and password in {section} of .dlt/secrets.toml.",
        )
    if "database" in words and "does not exist" in words:
        return ConfigurationError(
            f"There is no such database: {name}.", f"Create it, or correct database in {section}."
        )
    if "role" in words and "does not exist" in words:
        return ConfigurationError(f"{name} does not know the user.", f"Correct username in {section}.")
    if "permission denied" in words:
        return ConfigurationError(
            f"The user may not connect to {name}.", "Grant CONNECT on the database to the user."
        )
    if "could not translate host name" in words:
        return ConfigurationError(f"The host of {name} is not known.", f"Correct host in {section}.")
    return CallmartError(
        f"{name} cannot be reached: {said.strip().splitlines()[0] if said.strip() else 'no answer'}",
        f"Check that the server is running and can be reached from here. Its address is set in {section}. "
        "Nothing was lost: run this again when it answers.",
    )


# --- raw tables -----------------------------------------------------------------------------------


class JsonText(TypeDecorator[str]):
    """A JSON column, read and written as text."""

    impl = Text
    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(column, Text)

    def bind_expression(self, bindvalue: Any) -> ColumnElement[Any]:
        return cast(bindvalue, JSON)


_TYPES: dict[str, Any] = {
    "text": Text,
    "bigint": BigInteger,
    "double": Double,
    "bool": Boolean,
    "timestamp": lambda: DateTime(timezone=True),
    "json": JsonText,
}


@cache
def raw_table(name: str) -> Table:
    """A declared raw table, with the load id and without dlt's links."""
    declared = DECLARED[name]
    extra = (EXTRA,) if name in TABLES else ()
    return Table(
        name,
        MetaData(schema=SOURCE),
        *(
            Column(each.name, _TYPES[each.type]())
            for each in (*declared.key_columns, *declared.columns, *extra)
        ),
        Column(LOAD_ID, Text),
    )


@cache
def linked_table(name: str) -> Table:
    """A declared raw table with dlt's linking columns: `_dlt_id` in `calls`, the other three in nested tables too."""
    if name not in TABLES:
        return raw_table(name)
    links = LINKS if TABLES[name].parent else LINKS[:1]
    columns = [Column(each.name, each.type) for each in raw_table(name).columns]
    added = [Column(link, BigInteger() if link == LIST_INDEX else Text()) for link in links]
    return Table(name, MetaData(schema=SOURCE), *columns, *added)


def rows_by_key(
    connection: Connection, query: Select[Any], key: ColumnElement[Any], keys: Iterable[Any]
) -> Iterator[Row[Any]]:
    """The rows of `query` whose `key` is one of `keys`, which are queried in batches."""
    for batch in batches(list(keys)):
        yield from connection.execute(query.where(key.in_(batch)))


def batches(keys: Sequence[Any], size: int = _BATCH) -> Iterator[Sequence[Any]]:
    """The keys in batches that fit into one `IN` on every engine."""
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def raw_rows(connection: Connection, name: str, ids: Iterable[int]) -> pa.Table:
    """All rows of these calls in a raw table, with JSON as text."""
    source, schema = raw_table(name), arrow_schema(TABLES[name])
    (key,) = merge_key(name)
    query = select(*(source.c[each] for each in schema.names))
    rows = rows_by_key(connection, query, source.c[key], ids)
    cells = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(map(_text_in(field), each), field.type) for each, field in zip(cells, schema, strict=True)],
        schema=schema,
    )


def _text_in(field: pa.Field) -> Callable[[Any], Any]:
    """Converts a value to the declared type; tables of an older callmart may hold a number instead of text."""
    if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
        return lambda cell: cell if cell is None else str(cell)
    return lambda cell: cell


def replace_records(
    connection: Connection,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    gone: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Replace rows of a record table by its key, and delete those under the keys `gone`. Does not commit."""
    source, key = raw_table(name), merge_key(name)
    keys = [tuple(row[column] for column in key) for row in (*gone, *rows)]
    for batch in batches(keys, _ROWS_OF_ONE_INSERT):
        connection.execute(delete(source).where(tuple_(*(source.c[column] for column in key)).in_(batch)))
    now = datetime.now(UTC)
    load_id = f"{now.timestamp():.6f}"
    filled = [{**row, LOAD_ID: load_id} for row in rows]
    for part in batches(filled, _ROWS_OF_ONE_INSERT):
        connection.execute(insert(source).values(list(part)))


# --- existing tables -----------------------------------------------------------------------------


class Catalog:
    """Read tables that may not exist yet: before the first load there are none."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._inspector: Inspector = inspect(connection)
        self._schemas: dict[str, dict[str, TableClause]] = {}

    def tables(self, schema: str) -> list[str]:
        """Names of tables and views in `schema`, sorted."""
        return sorted(self._relations(schema))

    def relation(self, name: str, schema: str = SOURCE) -> TableClause | None:
        """The table with its actual columns; None if it does not exist."""
        return self._relations(schema).get(name)

    def _relations(self, schema: str) -> dict[str, TableClause]:
        """All tables and views of a schema in one query; one query each would take a tenth of a second per table."""
        if schema not in self._schemas:
            found = self._inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY)
            self._schemas[schema] = {
                name: table(name, *(column(each["name"], each["type"]) for each in columns), schema=schema)
                for (_, name), columns in found.items()
            }
        return self._schemas[schema]

    def count(self, relation: TableClause, *conditions: Any) -> int:
        """The number of rows that meet all conditions."""
        query = select(func.count()).select_from(relation).where(*conditions)
        return self.connection.execute(query).scalar_one()

    def check_version(self) -> None:
        """Raise `CallmartError` if callmart 0.1 made the warehouse: its tables lack dlt's linking columns."""
        calls = self.relation("calls")
        if calls is not None and LINKS[0] not in calls.c:
            raise CallmartError(
                "The warehouse was made by callmart 0.1, whose tables have another format.",
                "Move it away (or set another [destination.duckdb] credentials) and run `callmart load`, which loads "
                "everything again. Then repeat the erasures.",
            )

    def cursor(self) -> Cursor | None:
        """The cursor of the scheduled load; None before the first load.

        Raises `CallmartError` if callmart 0.1 made the warehouse.
        """
        self.check_version()
        return None if self.relation("load_windows") is None else cursor_of(self.connection)


def cursor_of(connection: Connection) -> Cursor | None:
    """The cursor of the scheduled load, from the ledger; None before the first load.

    A window counts if its load is complete. One that brought nothing new needed no load.
    """
    names = ("window_until", "newest_change_at", "why", "attempt", "load_id", "verdict")
    window = table("load_windows", *(column(name) for name in names), schema=SOURCE)
    loads = table("_dlt_loads", column("load_id"), column("status"), schema=SOURCE)
    complete = select(loads.c.load_id).where(loads.c.status == 0)
    query = select(func.max(window.c.window_until), func.max(window.c.newest_change_at)).where(
        window.c.why == "tail",
        window.c.attempt == 1,
        or_(window.c.load_id.in_(complete), and_(window.c.load_id.is_(None), window.c.verdict == "complete")),
    )
    until, last_change = connection.execute(query).one()
    if until is None:
        return None
    return Cursor(until=utc(until) or until, last_change=utc(last_change))


def utc(instant: datetime | None) -> datetime | None:
    """The instant in UTC; one without an offset is taken as UTC."""
    if instant is None:
        return None
    return in_utc(instant)
