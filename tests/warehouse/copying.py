"""Copy the raw tables of a DuckDB warehouse to Postgres, to test commands on both with the same rows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, MetaData, Table, insert, inspect, select, text

from pipelines.ccaip.schema import DECLARED
from pipelines.ccaip.tables import SOURCE
from pipelines.settings import Settings
from pipelines.warehouse.connect import Catalog, linked_table, reading, writing

_DLT = ("_dlt_loads", "_dlt_pipeline_state")


def copy_raw_tables(warehouse: Path, target: Settings) -> None:
    """Copy every declared table, and dlt's loads and state, into the empty database of `target`."""
    with reading(Settings(warehouse)) as source, writing(target) as opened:
        connection = opened.connection
        connection.execute(text(f"create schema {SOURCE}"))
        catalog = Catalog(source)
        for name in (*DECLARED, *_DLT):
            if (relation := catalog.relation(name)) is None:
                continue
            if name in DECLARED:
                names = {column.name for column in relation.columns}
                declared = linked_table(name)
                table = Table(
                    name,
                    MetaData(schema=SOURCE),
                    *(Column(each.name, each.type) for each in declared.columns if each.name in names),
                )
            else:
                columns = (Column(each.name, _plain(each.type)) for each in relation.columns)
                table = Table(name, MetaData(schema=SOURCE), *columns)
            table.create(connection)
            rows = source.execute(select(*(table.c[each.name] for each in table.columns))).mappings()
            for part in rows.partitions(500):
                connection.execute(insert(table), [dict(row) for row in part])
        connection.commit()
        assert inspect(connection).has_table("calls", schema=SOURCE)


def _plain(type_: Any) -> Any:
    """A type that both engines have."""
    from sqlalchemy import BigInteger, DateTime, Text

    python = getattr(type_, "python_type", str)
    return DateTime(timezone=True) if python is datetime else BigInteger() if python is int else Text()
