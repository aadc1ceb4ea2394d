"""Generate files from the declared tables: dbt's sources, the staging models, the data dictionary.

`tables.py` names every field once. The files are committed, so that the dbt project can be read without Python:

    tables.py → dbt_project/models/staging/_ccaip__sources.yml     the raw tables
              → dbt_project/models/staging/stg_ccaip__<table>.sql  one view per raw table
              → dbt_project/models/staging/_ccaip__models.yml      their columns, keys and tests
              → docs/tables.md                                     the data dictionary

Only staging renames columns, so a field that the vendor renames is changed in one line of `tables.py`. `make lint`
fails if a file is out of date.

Run `python -m pipelines.ccaip.generate`, with `--check` to only list files that are out of date.
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
    "_dlt_load_id", "text", "The load that wrote the row.", (), Privacy.NONE, staging_name="load_id"
)
# The ledger has its own `load_id`: the load of the window's calls.
RECORD_LOAD_ID = Column(
    "_dlt_load_id", "text", "The load that wrote the row.", (), Privacy.NONE, staging_name="record_load_id"
)

LOADS = Table(
    "_dlt_loads",
    "load",
    "One row per complete load; an interrupted load has none.",
    (
        Column("load_id", "text", "The load.", (), Privacy.NONE, staging_name="load_id"),
        Column("status", "bigint", "0: complete.", (), Privacy.NONE, staging_name="status"),
        Column(
            "inserted_at", "timestamp", "When it was complete.", (), Privacy.NONE, staging_name="inserted_at"
        ),
    ),
)

# Freshness: up to when all changes are loaded. Not `_dlt_loads`, where backfills and reconciles are recorded too.
FRESHNESS = (
    "        config:",
    "          loaded_at_field: window_until",
    "          freshness:",
    "            warn_after: {count: \"{{ var('freshness_warn_hours') }}\", period: hour}",
    "            error_after: {count: \"{{ var('freshness_error_hours') }}\", period: hour}",
    "            filter: why = 'tail' and verdict = 'complete'",
)


# --- raw tables in the warehouse ------------------------------------------------------------------


def raw_columns(table: Table) -> tuple[Column, ...]:
    """The columns of the raw table that staging reads, in order."""
    if table is LOADS:
        return table.columns
    if table in RECORDS:
        return (*table.columns, RECORD_LOAD_ID)
    return (*table.key_columns, *table.columns, EXTRA, LOAD_ID)


def key_names(table: Table) -> list[str]:
    """Staging names of the key columns."""
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
        "    description: Calls as loaded, one table per array of the call.",
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
            # Only a warning: no metric is built on records.
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
    """A page with every raw column: names, type, meaning and privacy class."""
    lines = [
        f"<!-- {HEADER} -->",
        "# Tables",
        "",
        "Every raw column, and its name in staging (`stg_ccaip__<table>`) if that differs.",
        "*Privacy* is the column's class; `[privacy]` in `.dlt/config.toml` sets what happens to each class.",
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
    """Every generated file: path relative to the repository → content."""
    tables = (*TABLES.values(), *RECORDS, LOADS)
    files = {STAGING / f"{model_name(table)}.sql": staging_sql(table) for table in tables}
    files[STAGING / "_ccaip__sources.yml"] = sources_yaml(tables)
    files[STAGING / "_ccaip__models.yml"] = models_yaml(tables)
    files[DICTIONARY] = dictionary(tables)
    return files


def stale(root: Path = ROOT) -> Iterator[Path]:
    """Files under `root` that are out of date, or that belong to no table."""
    files = render()
    for path, content in files.items():
        target = root / path
        if not target.exists() or target.read_text(encoding="utf-8") != content:
            yield path
    for found in sorted((root / STAGING).glob("stg_ccaip__*.sql")):
        if found.relative_to(root) not in files:
            yield found.relative_to(root)


def write(root: Path = ROOT) -> list[Path]:
    """Write every generated file, remove those that belong to no table, and return what changed."""
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
    """0 if the files are up to date (with `--check`: were up to date), else 1."""
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    if check:
        paths = list(stale())
        for path in paths:
            sys.stderr.write(f"{path} is out of date: run `make generate`\n")
        return 1 if paths else 0
    for path in write():
        sys.stdout.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
