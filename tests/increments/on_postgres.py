"""The same on Postgres: the rows of a database built by increments, and those after a build in full."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.marts.dbt_runner import dbt_variables, postgres_connection
from tests.increments.histories import Round, happen
from tests.increments.rebuild import CALLS_OF_A_BUILD, difference, relations, relations_of_a_build
from tests.marts import dbt_raw
from tests.marts.test_postgres import copy_raw
from tests.marts.workshop import WAREHOUSE, build_options, check_built, invoke
from tests.postgres import PostgresServer

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


class PostgresWorkshop:
    """The project, parsed for a database, and that database with every relation, empty, which all histories start from.

    dbt knows a relation by its database too, so all histories happen in one, which is a copy of the empty one at first.
    """

    def __init__(self, work: Path, server: PostgresServer, database: str) -> None:
        """dbt writes to `work`; `database` is the name of an empty database."""
        self.variables: dict[str, Any] = dict(dbt_variables())
        self._credentials = server.credentials(database)
        self._connection = postgres_connection(self._credentials)
        self._work = work
        self._copy = server.copy
        self._database, self._empty = database, f"{database}_empty"
        (work / "target").mkdir(parents=True)
        self.raw = work / WAREHOUSE
        dbt_raw.create_raw(self.raw)
        parsed = invoke(self._connection, work, self.variables, "--no-write-json", "parse")
        assert parsed.success, parsed.exception
        self.manifest: Manifest = parsed.result  # type: ignore[assignment]
        self.land(self.raw)
        self.build(kinds=("seed", "model"))
        self._copy(database, self._empty)

    def begin(self) -> None:
        """Make the database the empty one again."""
        self._copy(self._empty, self._database)

    def land(self, raw: Path) -> None:
        """Replace the raw rows by those of a DuckDB file."""
        with self.connected() as connection:
            copy_raw(raw, connection)

    def build(self, *, full_refresh: bool = False, kinds: Sequence[str] = ("model",)) -> None:
        """Build without tests, the views too: they go with the tables that they read, when those are made anew.

        Raises `WorkshopError` with dbt's messages when a node fails.
        """
        words = ("--no-write-json", "build", *build_options(kinds, full_refresh, select=()))
        check_built(invoke(self._connection, self._work, self.variables, *words, project=self.manifest))

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """A psycopg2 connection in UTC, without transactions."""
        import psycopg2

        given = self._credentials
        with closing(
            psycopg2.connect(
                host=given["host"],
                port=given["port"],
                user=given["username"],
                password=given["password"],
                dbname=given["database"],
                options="-c timezone=utc",
            )
        ) as connection:
            connection.autocommit = True
            yield connection

    def calls_of_the_build(self) -> list[int]:
        """The ids of the calls that the last build computed."""
        with self.connected() as connection, connection.cursor() as cursor:
            cursor.execute(f"select call_id from {CALLS_OF_A_BUILD}")
            return [call_id for (call_id,) in cursor.fetchall()]

    def rows(self, calls: Sequence[int]) -> dict[str, Counter[str]]:
        """The rows of every model but the records of increments, as text, in which doubles are written in full.

        What holds the calls of one build is read for `calls` only.
        """
        found = {}
        of_a_build = relations_of_a_build(self.manifest)
        with self.connected() as connection, connection.cursor() as cursor:
            for relation in relations(self.manifest):
                chosen = "where call_id = any(%s)" if relation in of_a_build else ""
                cursor.execute(f"select cast(each as text) from {relation} as each {chosen}", [list(calls)])
                found[relation] = Counter(text for (text,) in cursor.fetchall())
        return found


def rebuild(workshop: PostgresWorkshop, folder: Path, rounds: Sequence[Round]) -> list[str]:
    """Build after the rounds that say so, then in full: what differs between the two."""
    folder.mkdir(parents=True)
    raw = Path(shutil.copy(workshop.raw, folder / WAREHOUSE))
    workshop.begin()
    variables = workshop.variables
    try:
        for now in rounds:
            happen(raw, now)
            workshop.land(raw)
            if now.variables:
                workshop.variables = variables | now.variables
            if now.is_built:
                workshop.build(full_refresh=now.is_full)
        calls = workshop.calls_of_the_build()
        incremental = workshop.rows(calls)
        workshop.build(full_refresh=True)
        full = workshop.rows(calls)
    finally:
        workshop.variables = variables
    return [
        difference(relation, rows, full[relation])
        for relation, rows in incremental.items()
        if rows != full[relation]
    ]
