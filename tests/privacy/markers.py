"""A call with a marker in every value, and a search for markers in everything that callmart wrote."""

from __future__ import annotations

import gzip
import itertools
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.ccaip.tables import CONTACT, TABLES, Column, Privacy, Table
from tests.queries import opened

_PERSONAL = re.compile(rb"Zq\d{5}Person|49\d{5}9175331")
_FIRST = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass
class Markers:
    """Creates unique markers and records which of them are personal.

    `landing` has, by table and column, the values of columns that are not personal, as they should land.
    """

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    personal: list[str] = field(default_factory=list)
    landing: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    def secret(self) -> str:
        """A text that must not be stored."""
        self.personal.append(f"Zq{next(self.numbers):05}Person")
        return self.personal[-1]

    def number(self) -> int:
        """A number that must not be stored, long enough to be unique."""
        self.personal.append(f"49{next(self.numbers):05}9175331")
        return int(self.personal[-1])

    def anything(self) -> dict[str, Any]:
        """Values of an object with undeclared keys."""
        return {
            "text": self.secret(),
            "number": self.number(),
            "list": [self.secret(), {"deep": self.secret()}],
            "mail": f"{self.secret()}@example.org",
        }

    def call(self, call_id: int) -> dict[str, Any]:
        """A call with a marker in every declared value, and undeclared keys in every object."""
        call = self._element(TABLES["calls"], 0)
        self.landing["calls", "id"][-1] = call_id
        return call | {"id": call_id}

    def _element(self, table: Table, alias: int) -> Any:
        """`alias` says which of its paths each leaf stands at."""
        if any(not column.path for column in table.columns):
            return self.anything()
        element: dict[str, Any] = {"unknown": self.anything(), "unknown_number": self.number()}
        for column in table.columns:
            paths = (column.path, *column.aliases)
            *above, key = paths[min(alias, len(paths) - 1)]
            inner = element
            if above:
                inner = element.get(above[0]) or {"unknown_inside": self.secret()}
                element[above[0]] = inner
            inner[key] = self._leaf(table, column)
        for child in TABLES.values():
            if child.parent == table.name:
                element[child.array] = [self._element(child, number) for number in range(2)]
        return element

    def _leaf(self, table: Table, column: Column) -> Any:
        if column.type == "json":
            return self.anything()
        if column.privacy is CONTACT:
            return f"+{self.number()}" if "number" in column.name else f"{self.secret()}@example.org"
        if column.privacy is not Privacy.NONE:
            return self.secret()
        number = next(self.numbers)
        value: Any = {
            "text": f"Zq{number:05}Plain",
            "bigint": number,
            "double": number + 0.5,
            "bool": bool(number % 2),
            "timestamp": _FIRST + timedelta(seconds=number),
        }[column.type]
        self.landing.setdefault((table.name, column.name), []).append(value)
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z") if column.type == "timestamp" else value


def found(*folders: Path, said: str = "") -> dict[str, set[str]]:
    """The personal markers in files below `folders` and in what was `said`, by place."""
    texts = {"said": said.encode()}
    for folder in folders:
        texts |= {str(file): _text(file) for file in folder.rglob("*") if file.is_file()}
    hits = {place: {hit.decode() for hit in _PERSONAL.findall(text)} for place, text in texts.items()}
    return {place: there for place, there in hits.items() if there}


def _text(file: Path) -> bytes:
    """All that is in a file: its bytes, and what they hold when they are unpacked."""
    packed = file.read_bytes()
    if packed[8:12] == b"DUCK":
        return packed + _database(file)
    if packed[:4] == b"PAR1" and packed[-4:] == b"PAR1":
        return packed + str(pq.read_table(file).to_pylist()).encode()
    if packed[:2] == b"\x1f\x8b":
        return packed + gzip.decompress(packed)
    try:
        return packed + zlib.decompress(packed)
    except zlib.error:
        return packed


def _database(file: Path) -> bytes:
    """Every value of every table, for strings lie compressed in the file, and comments besides."""
    with opened(file) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
        ).fetchall()
        values = [connection.execute(f'select * from "{s}"."{t}"').fetchall() for s, t in tables]
        catalogue = connection.execute(
            "select * from duckdb_columns() where database_name = current_database()"
        ).fetchall()
    return str((values, catalogue)).encode()
