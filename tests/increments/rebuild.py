"""Run a history through a warehouse, and compare the incremental build with a full one."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.increments.histories import Round, happen
from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

RECORDS = {"changed_days", "built_days", "changed_calls", "built_calls", "listed_loads"}
"""They describe how a warehouse was built, not its contents."""
CALLS_OF_A_BUILD = "intermediate.int_calls_classified"
TABLES = ("config.materialized:table", "config.materialized:incremental")
"""What an increment changes. Views exist since the first build, and are only rebuilt if their variables change."""


@dataclass(frozen=True)
class Outcome:
    """The result of a history: the warehouse built by increments, its full rebuild, and their differences."""

    incremental: Path
    full: Path
    differences: list[str]


def empty_warehouse(workshop: Workshop, folder: Path) -> Path:
    """An empty warehouse with every relation built, which all histories start from."""
    folder.mkdir(parents=True)
    database = folder / WAREHOUSE
    dbt_raw.create_raw(database)
    workshop.build(database)
    return database


def rebuild(workshop: Workshop, empty: Path, folder: Path, rounds: Sequence[Round]) -> Outcome:
    """Build after the rounds that say so, then build a copy in full.

    `empty` is a warehouse without calls. If it has no relations either, the first build makes its views too.
    """
    folder.mkdir(parents=True)
    incremental = Path(shutil.copy(empty, folder / WAREHOUSE))
    variables = workshop.variables
    has_views = bool(dbt_raw.rows(incremental, "from duckdb_tables() where schema_name = 'seeds'"))
    try:
        for now in rounds:
            happen(incremental, now)
            if now.variables:
                workshop.variables = variables | now.variables
            if now.is_built:
                select = TABLES if has_views and not now.variables else ()
                workshop.build(incremental, full_refresh=now.is_full, select=select)
                has_views = True
        (folder / "full").mkdir()
        full = Path(shutil.copy(incremental, folder / "full" / WAREHOUSE))
        workshop.build(full, full_refresh=True, select=TABLES)
    finally:
        workshop.variables = variables
    return Outcome(incremental, full, list(differences(workshop, incremental, full)))


def differences(
    workshop: Workshop, incremental: Path, full: Path, among: Sequence[str] = ()
) -> Iterator[str]:
    """Each relation that is not the same in both, or each of those `among` them, with some of its rows.

    A full refresh keeps the history of what was published; that must neither add to it nor lose anything,
    for nothing has changed since the last increment. What holds the calls of one build is compared for those of the
    increment.
    """
    known = among or relations(workshop.manifest)
    of_a_build = relations_of_a_build(workshop.manifest)
    calls = [row["call_id"] for row in dbt_raw.rows(incremental, f"select call_id from {CALLS_OF_A_BUILD}")]
    chosen = {
        relation: f"(from {relation} where list_contains({calls}::bigint[], call_id))"
        if relation in of_a_build
        else relation
        for relation in known
    }
    sums = [_sums(path, chosen) for path in (incremental, full)]
    for relation in known:
        if sums[0][relation] != sums[1][relation]:
            yield difference(relation, *(_rows(path, chosen[relation]) for path in (incremental, full)))


def difference(relation: str, here: Counter[Any], there: Counter[Any]) -> str:
    """How the rows of a relation in the incremental build, and in the full one, differ."""
    return (
        f"{relation}: {(here - there).total()} rows only in the incremental build, such as"
        f" {next(iter(here - there), None)}; {(there - here).total()} only in the full one, such as"
        f" {next(iter(there - here), None)}"
    )


def relations(manifest: Manifest) -> list[str]:
    """Every model but the records of increments, as schema.name."""
    nodes = manifest.nodes.values()
    return sorted(
        f"{node.schema}.{node.name}"
        for node in nodes
        if node.resource_type == "model" and node.name not in RECORDS
    )


def relations_of_a_build(manifest: Manifest) -> set[str]:
    """What holds only the calls that a build computed: the steps below the facts, and views on them."""
    nodes = manifest.nodes

    def is_held(name: str) -> bool:
        node = nodes.get(name)
        if node is None or node.resource_type != "model":
            return False
        above = node.config.materialized == "view" and any(map(is_held, node.depends_on.nodes))
        return bool(node.config.meta.get("work_set")) or above

    return {f"{nodes[name].schema}.{nodes[name].name}" for name in nodes if is_held(name)}


def _sums(database: Path, relations: Mapping[str, str]) -> dict[str, Any]:
    """How many rows each relation has, and the sum of their hashes; what is read of it is the mapping's value."""
    each = (
        f"select '{relation}' as relation, count(*) as rows, sum(hash(each)::hugeint) as hashes from {rows} as each"
        for relation, rows in relations.items()
    )
    return {row.pop("relation"): row for row in dbt_raw.rows(database, " union all ".join(each))}


def _rows(database: Path, relation: str) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.items()) for row in dbt_raw.rows(database, f"from {relation}"))
