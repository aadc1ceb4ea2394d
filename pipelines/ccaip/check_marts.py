"""Fail if a public mart shows a personal column: `python -m pipelines.ccaip.check_marts`, part of `make lint`.

Columns with a privacy class are personal under their staging names and under the names that models give them: a
column stays personal when it is renamed or selected by a function of one argument (`max(phone_number) as number`).
A count of callers is not personal, nor is anything computed from one. The dimensions of the semantic layer are
checked too.

Agents' names are allowed: the marts fill them from the seed agent_names, or if the policy keeps names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from pipelines.ccaip.generate import ROOT
from pipelines.ccaip.privacy.policy import personal_columns

MODELS = ROOT / "dbt_project" / "models"
DECIDED = frozenset({"agent_name", "from_agent_name", "to_agent_name"})
"""Columns that are only filled if the operator has decided to show names."""

_COUNTS = ("count", "count_distinct")
_COMMENT = re.compile(r"--[^\n]*|\{#.*?#\}", re.DOTALL)
_ALIAS = re.compile(r"\s+as\s+(\w+)", re.IGNORECASE)
_WRAPPED = re.compile(r"(?:\{\{\s*)?(?!count\b)\w+\((.*)\)(?:\s*\}\})?", re.DOTALL | re.IGNORECASE)
_CAST = re.compile(r"\s+as\s+\w+$", re.IGNORECASE)
_COLUMN = re.compile(r"(?:\w+\.)?(\w+)")


def personal_names(statements: Mapping[str, str]) -> dict[str, str]:
    """The personal column names in models, each with its raw column. `statements` is the models' SQL by name."""
    names = {
        column.staging_name: f"{table}.{column.name}" for (table, _), column in personal_columns().items()
    }
    renamed = [pair for sql in statements.values() for pair in _renamed(sql)]
    while found := {new: names[old] for old, new in renamed if old in names and new not in names}:
        names |= found
    return {name: source for name, source in names.items() if name not in DECIDED}


def _renamed(sql: str) -> Iterator[tuple[str, str]]:
    """The columns that a statement renames, and their new names."""
    sql = _COMMENT.sub("", sql)
    for alias in _ALIAS.finditer(sql):
        expression = _expression(sql, alias.start())
        while wrapped := _WRAPPED.fullmatch(expression):
            expression = _CAST.sub("", wrapped[1].strip()).strip("' ")
        if column := _COLUMN.fullmatch(expression):
            yield column[1], alias[1]


def _expression(sql: str, end: int) -> str:
    """The item of a select that ends at `end`."""
    depth = 0
    for place in range(end - 1, -1, -1):
        letter = sql[place]
        depth += (letter in ")}") - (letter in "({")
        if depth < 0 or (depth == 0 and letter == ","):
            return sql[place + 1 : end].strip()
        if depth == 0 and sql[place : place + 7].lower().rstrip() == "select":
            return sql[place + 6 : end].strip()
    return sql[:end].strip()


def problems(models: list[dict[str, Any]], statements: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each personal column that a public mart shows."""
    names = personal_names(statements)
    for model in models:
        if model.get("config", {}).get("access", model.get("access")) != "public":
            continue
        for column in model.get("columns", []):
            name = column["name"]
            declared = column.get("config", {}).get("meta", {}).get("privacy", "none")
            if name in names:
                yield f"{model['name']} is public and shows {name}, which is {names[name]}"
            elif declared != "none" and name not in DECIDED:
                yield f"{model['name']} is public and shows {name}, which is of the privacy class {declared}"


def semantic_problems(
    semantic_models: list[dict[str, Any]], models: list[dict[str, Any]], statements: Mapping[str, str]
) -> Iterator[str]:
    """The same for dimensions and measures of the semantic layer, except counts of people."""
    personal = personal_names(statements).keys()
    for semantic in semantic_models:
        declared = {
            column["name"]
            for model in models
            if semantic["model"] == f"ref('{model['name']}')"
            for column in model.get("columns", [])
            if column.get("config", {}).get("meta", {}).get("privacy", "none") != "none"
        } - DECIDED
        measures = (each for each in semantic.get("measures", []) if each["agg"] not in _COUNTS)
        for shown in (*semantic.get("dimensions", []), *semantic.get("entities", []), *measures):
            for name in re.findall(r"\w+", str(shown.get("expr", shown["name"]))):
                if name in personal | declared:
                    yield f"the semantic model {semantic['name']} shows {name}, which is personal"


def read_semantic(folder: Path) -> list[dict[str, Any]]:
    """The semantic models declared below a folder."""
    files = (
        yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
        for file in sorted(folder.rglob("*.yml"))
    )
    return [each for file in files for each in (file or {}).get("semantic_models", [])]


def read(folder: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The declared models below a folder, and the SQL of each by name, without staging, which uses raw names."""
    files = (
        yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
        for file in sorted(folder.rglob("*.yml"))
    )
    models = [model for file in files for model in (file or {}).get("models", [])]
    statements = (file for file in folder.rglob("*.sql") if not file.stem.startswith("stg_"))
    return models, {file.stem: file.read_text(encoding="utf-8") for file in statements}


def main() -> int:
    """0 if neither a public mart nor the semantic layer shows a personal column, else 1."""
    models, statements = read(MODELS)
    found = [
        *problems(models, statements), *semantic_problems(read_semantic(MODELS), models, statements),
    ]  # fmt: skip
    for problem in found:
        sys.stderr.write(f"{problem}: remove it, or show a value computed from it\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
