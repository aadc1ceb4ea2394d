"""Build a fixed warehouse with one planted mistake, then run the tests, cheapest first."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from dbt.contracts.graph.manifest import Manifest

from tests.increments.histories import happen, history
from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop, WorkshopError
from tests.mutants.calls import ZONE, varied_calls
from tests.mutants.mistakes import Mistake
from tests.oracle.compare import differences

FACTS = ("config.materialized:incremental", "config.meta.work_set:true")
"""Models with increments, and the steps below the facts."""
HISTORY = 1
"""The seed of the history whose last round is built by a mistaken increment."""
RULES: dict[str, str | int] = {"short_call_seconds": 300}
"""Settings that change before that increment, so that every row is recomputed, which hides other mistakes."""


class Bench:
    """The parsed project, and warehouses built without mistakes."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.workshop = Workshop(work, ZONE)
        self.calls = varied_calls()
        self.right = self._warehouse("right")
        dbt_raw.land(self.right, "a-load", self.calls)
        self.workshop.build(self.right)
        if found := differences(self.right, self.calls, reporting_timezone=ZONE):
            raise WorkshopError(f"The oracle disagrees without any mistake: {found[:5]}")

    @cached_property
    def _waiting(self) -> Path:
        """A warehouse with new loads before an increment."""
        first, *rest = history(HISTORY, increments=1)
        before = self._warehouse("before")
        happen(before, first)
        self.workshop.build(before, select=[f"+{each}" for each in FACTS])
        for now in rest:
            happen(before, now)
        return before

    @cached_property
    def _after(self) -> list[tuple[Path, dict[str, str | int]]]:
        """The correct warehouses after that increment, and after one more with changed rules."""
        outcomes = []
        for name, rules in (("same", {}), ("other", RULES)):
            after = self._copy(self._waiting, f"after under {name} rules")
            with self._rules(rules):
                self.workshop.build(after, full_refresh=True, select=FACTS)
            outcomes.append((after, rules))
        return outcomes

    def caught(self, mistake: Mistake) -> str:
        """The kind of test that caught the mistake, with details; empty if it survived."""
        touched = touched_models(self.workshop.manifest, mistake)
        right = self._after if mistake.between_builds else []  # built before planting the mistake
        with planted(self.workshop.manifest, mistake):
            try:
                return (
                    self._between_builds(touched, right) if mistake.between_builds else self._in_full(touched)
                )
            except WorkshopError as error:
                return f"dbt: {error}"

    def _in_full(self, touched: Sequence[str]) -> str:
        database = self._copy(self.right, "wrong")
        descendants = [f"{name}+" for name in touched]
        self.workshop.build(database, full_refresh=True, select=descendants)
        if found := differences(database, self.calls, reporting_timezone=ZONE):
            return f"oracle, {len(found)} cells: {found[0]}"
        failing = self.workshop.failing_tests(database, select=descendants)
        # Some calls are so odd that a data test may fail on them without a mistake.
        usual = self.workshop.failing_tests(self.right, select=list(failing)) if failing else {}
        if tests := sorted(failing.keys() - usual.keys()):
            return f"data tests, {len(tests)}: {tests[0]}"
        failing = self.workshop.failing_tests(self.right, select=touched, unit=True)
        return f"unit tests, {len(failing)}: {min(failing)}" if failing else ""

    def _between_builds(
        self, touched: Sequence[str], right: Sequence[tuple[Path, dict[str, str | int]]]
    ) -> str:
        database = self._copy(self._waiting, "wrong")
        for after, rules in right:
            with self._rules(rules):
                self.workshop.build(database, select=[*touched, *FACTS])
            for fact in self._facts():
                # Without the fingerprint itself: a mistake in it must show in the rows it keeps.
                query = f"select * exclude (rules_fingerprint) from marts.{fact} order by all"
                if dbt_raw.rows(database, query) != dbt_raw.rows(after, query):
                    return f"exact increments: {fact} is not what a full refresh makes it"
        return ""

    def _facts(self) -> list[str]:
        return [
            node.name
            for node in self.workshop.manifest.nodes.values()
            if node.resource_type == "model"
            and node.schema == "marts"
            and node.config.materialized == "incremental"
        ]

    @contextmanager
    def _rules(self, rules: dict[str, str | int]) -> Iterator[None]:
        usual = self.workshop.variables
        self.workshop.variables = usual | rules
        try:
            yield
        finally:
            self.workshop.variables = usual

    def _warehouse(self, name: str) -> Path:
        folder = self.work / name
        folder.mkdir()
        dbt_raw.create_raw(folder / WAREHOUSE)
        return folder / WAREHOUSE

    def _copy(self, database: Path, name: str) -> Path:
        folder = self.work / name
        folder.mkdir(exist_ok=True)
        return Path(shutil.copy(database, folder / WAREHOUSE))


@contextmanager
def planted(manifest: Manifest, mistake: Mistake) -> Iterator[None]:
    """Plant the mistake in the parsed project for the block, without parsing and without changing files."""
    code: list[tuple[Any, str]] = [
        *((node, "raw_code") for node in manifest.nodes.values() if _is_in(node, mistake)),
        *((macro, "macro_sql") for macro in manifest.macros.values() if _is_in(macro, mistake)),
    ]
    code = [(node, field) for node, field in code if mistake.right in getattr(node, field)]
    if len(code) != 1:
        raise WorkshopError(f"{mistake.file} no longer has the text that {mistake.name!r} replaces")
    ((node, field),) = code
    text = getattr(node, field)
    setattr(node, field, text.replace(mistake.right, mistake.wrong))
    try:
        yield
    finally:
        setattr(node, field, text)


def touched_models(manifest: Manifest, mistake: Mistake) -> list[str]:
    """Names of the models whose SQL changes: the file's own, or all that use its macros."""
    macros = {macro.unique_id for macro in manifest.macros.values() if _is_in(macro, mistake)}
    while (
        used_by := {
            macro.unique_id
            for macro in manifest.macros.values()
            if macros.intersection(macro.depends_on.macros)
        }
        - macros
    ):
        macros |= used_by
    return [
        node.name
        for node in manifest.nodes.values()
        if node.resource_type == "model"
        and (_is_in(node, mistake) or macros.intersection(node.depends_on.macros))
    ]


def _is_in(node: Any, mistake: Mistake) -> bool:
    return bool(node.package_name == "callmart" and node.original_file_path == mistake.file)
