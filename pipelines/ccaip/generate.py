"""Writes what is derived from the declared tables: dbt's sources, the staging layer, the data dictionary.

`tables.py` names every field once; this module turns it into files that are committed, so that a
reader of the dbt project needs no Python:

    tables.py → dbt_project/models/staging/_ccaip__sources.yml     the raw tables
              → dbt_project/models/staging/stg_ccaip__<table>.sql  one view per raw table
              → dbt_project/models/staging/_ccaip__models.yml      their columns, keys and tests
              → docs/tables.md                                     the data dictionary

Staging is the only layer that renames, so a field renamed by the vendor is mended in one line of
`tables.py`. A stale file is a failed check (`--check`), not a surprise: a staging view that lacks a
column would otherwise show up as a missing number months later.

Run alone: `python -m pipelines.ccaip.generate`, or with `--check` to only name stale files.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.ccaip.enumerations import watched
from pipelines.ccaip.tables import EXTRA, LOAD_WINDOWS, RECORDS, TABLES, Column, Privacy, Table

ROOT = Path(__file__).resolve().parents[2]
STAGING = Path("dbt_project/models/staging")
DICTIONARY = Path("docs/tables.md")

HEADER = "Generated from pipelines/ccaip/tables.py by `make generate`: do not edit."

LOAD_ID = Column(
    "_dlt_load_id", "text", "The load that landed the row.", (), Privacy.NONE, staging_name="load_id"
)
# The ledger has a `load_id` of its own: the load that landed the window's calls.
RECORD_LOAD_ID = Column(
    "_dlt_load_id", "text", "The load that wrote the row.", (), Privacy.NONE, staging_name="record_load_id"
)

LOADS = Table(
    "_dlt_loads",
    "load",
    "One row per load that landed whole: a load cut short has no row here.",
    (
        Column("load_id", "text", "The load.", (), Privacy.NONE, staging_name="load_id"),
        Column("status", "bigint", "0: landed whole.", (), Privacy.NONE, staging_name="status"),
        Column(
            "inserted_at", "timestamp", "When it was complete.", (), Privacy.NONE, staging_name="inserted_at"
        ),
    ),
)

# How old the data are: up to when everything that changed has been asked for and has landed. Not
# `_dlt_loads`: a backfill or a reconcile writes there too, and brings nothing new.
FRESHNESS = (
    "        config:",
    "          loaded_at_field: window_until",
    "          freshness:",
    "            warn_after: {count: \"{{ var('freshness_warn_hours') }}\", period: hour}",
    "            error_after: {count: \"{{ var('freshness_error_hours') }}\", period: hour}",
    "            filter: why = 'tail' and verdict = 'complete'",
)


# --- what a table looks like in the warehouse -----------------------------------------------------


def raw_columns(table: Table) -> tuple[Column, ...]:
    """The columns of the raw table that staging reads, in order."""
    if table is LOADS:
        return table.columns
    if table in RECORDS:
        return (*table.columns, RECORD_LOAD_ID)
    return (*table.key_columns, *table.columns, EXTRA, LOAD_ID)


def key_names(table: Table) -> list[str]:
    """Names of the key columns as staging calls them."""
    if table is LOADS:
        return ["load_id"]
    names = {column.name: column.staging_name for column in raw_columns(table)}
    return [names[name] for name in table.key]


def model_name(table: Table) -> str:
    """Name of the staging view."""
    return f"stg_ccaip__{table.name.removeprefix('_dlt_')}"


# --- SQL ------------------------------------------------------------------------------------------


def staging_sql(table: Table) -> str:
    """The staging view of one raw table: explicit columns, analysts' names, no deleted rows."""
    columns = ",\n".join(
        f"    {column.name}"
        if column.name == column.staging_name
        else f"    {column.name} as {column.staging_name}"
        for column in raw_columns(table)
    )
    lines = [
        f"-- {HEADER}",
        "select",
        columns,
        f"from {{{{ source('ccaip', '{table.name}') }}}}",
    ]
    return "\n".join(lines) + "\n"


# --- YAML -----------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    """A double-quoted YAML scalar: JSON's quoting is a subset of YAML's."""
    return json.dumps(text, ensure_ascii=False)


def sources_yaml(tables: Sequence[Table]) -> str:
    """The raw tables as a dbt source; the schema's name is a variable, as the loader's is a setting."""
    lines = [
        f"# {HEADER}",
        "version: 2",
        "",
        "sources:",
        "  - name: ccaip",
        "    description: Calls as the loader landed them, one table per array of the call.",
        "    schema: \"{{ var('raw_schema') }}\"",
        "    tables:",
    ]
    for table in tables:
        lines += [f"      - name: {table.name}", f"        description: {_quoted(table.description)}"]
        lines += FRESHNESS if table is LOAD_WINDOWS else ()
        lines += ["        columns:"]
        for column in raw_columns(table):
            lines += _column_yaml(column, column.name, indent=10)
            lines += [f"            data_type: {column.type}"]
    return "\n".join(lines) + "\n"


def models_yaml(tables: Sequence[Table]) -> str:
    """Descriptions, keys and relationships of the staging views."""
    lines = [f"# {HEADER}", "version: 2", "", "models:"]
    for table in tables:
        lines += [
            f"  - name: {model_name(table)}",
            f"    description: {_quoted(table.description)}",
            "    data_tests:",
            "      - primary_key:",
            "          arguments:",
            f"            columns: [{', '.join(key_names(table))}]",
        ]
        if table in RECORDS:
            # A call rejected twice is no reason to hold up the marts: no metric is built on records.
            lines += ["          config: {severity: warn}"]
        lines += ["    columns:"]
        for column in raw_columns(table):
            lines += _column_yaml(column, column.staging_name, indent=6)
            if table.parent and column.name == "call_id":
                lines += [
                    "        data_tests:",
                    "          - relationships:",
                    "              arguments:",
                    "                to: ref('stg_ccaip__calls')",
                    "                field: call_id",
                ]
    return "\n".join(lines) + "\n"


def _column_yaml(column: Column, name: str, indent: int) -> list[str]:
    pad = " " * indent
    lines = [f"{pad}- name: {name}", f"{pad}  description: {_quoted(column.description)}"]
    return [*lines, f"{pad}  config: {{meta: {{privacy: {column.privacy.value}}}}}"]


# --- the data dictionary --------------------------------------------------------------------------


def dictionary(tables: Sequence[Table]) -> str:
    """Every raw column in one page: what it is called, its type, what it means, how personal it is."""
    lines = [
        f"<!-- {HEADER} -->",
        "# Tables",
        "",
        "Every column that lands, and its name in staging (`stg_ccaip__<table>`) where that differs.",
        "*Privacy* is the column's class; `[privacy]` in `.dlt/config.toml` says what becomes of each class.",
        "",
    ]
    for table in tables:
        key = ", ".join(f"`{name}`" for name in key_names(table))
        lines += [f"## {table.name}", "", f"{table.description} Key: {key}.", ""]
        lines += ["| column | staging name | type | privacy | meaning |", "| --- | --- | --- | --- | --- |"]
        for column in raw_columns(table):
            renamed = "" if column.staging_name == column.name else f"`{column.staging_name}`"
            meaning = column.description.replace("|", "\\|")
            lines.append(
                f"| `{column.name}` | {renamed} | {column.type} | {column.privacy.value} | {meaning} |"
            )
        lines.append("")
    lines += [
        "## Words that are watched",
        "",
        "A word that is not among the known ones of these columns lands like any other, and is told once as drift. The "
        "words of all other texts are not looked at.",
        "",
        "| column | known words |",
        "| --- | --- |",
        *(f"| `{place}` | {words} |" for place, words in watched()),
        "",
    ]
    return "\n".join(lines)


# --- files ----------------------------------------------------------------------------------------


def render() -> dict[Path, str]:
    """Every generated file: path from the repository's root → content."""
    tables = (*TABLES.values(), *RECORDS, LOADS)
    files = {STAGING / f"{model_name(table)}.sql": staging_sql(table) for table in tables}
    files[STAGING / "_ccaip__sources.yml"] = sources_yaml(tables)
    files[STAGING / "_ccaip__models.yml"] = models_yaml(tables)
    files[DICTIONARY] = dictionary(tables)
    return files


def stale(root: Path = ROOT) -> Iterator[Path]:
    """Files under `root` that differ from what the tables say, or that no table stands behind."""
    files = render()
    for path, content in files.items():
        target = root / path
        if not target.exists() or target.read_text(encoding="utf-8") != content:
            yield path
    for found in sorted((root / STAGING).glob("stg_ccaip__*.sql")):
        if found.relative_to(root) not in files:
            yield found.relative_to(root)


def write(root: Path = ROOT) -> list[Path]:
    """Write every generated file and remove those no table stands behind; what changed."""
    files = render()
    changed = list(stale(root))
    for path in changed:
        target = root / path
        if path in files:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(files[path], encoding="utf-8")
        else:
            target.unlink()
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the files are as the tables say (now, or already with `--check`), else 1."""
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    if check:
        paths = list(stale())
        for path in paths:
            sys.stderr.write(f"{path} is stale: run `make generate`\n")
        return 1 if paths else 0
    for path in write():
        sys.stdout.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
