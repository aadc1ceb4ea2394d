"""What would tangle the parts: an import against the way of the data."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pipelines.home import REPOSITORY


def imported(file: Path) -> Iterator[tuple[str, str]]:
    """Every module and name that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def test_the_source_knows_no_warehouse_and_the_parts_depend_one_way():
    """vendor → warehouse → command; marts and pages beside them."""
    forbidden = {
        "pipelines/ccaip": ("pipelines.warehouse", "pipelines.cli", "pipelines.marts", "dashboard"),
        "pipelines/warehouse": ("pipelines.cli", "dashboard"),
        "pipelines/marts": ("pipelines.cli", "dashboard"),
        "dbt_project": ("pipelines",),
        "simulator": ("pipelines.warehouse", "pipelines.cli", "pipelines.marts", "dashboard"),
    }
    wrong = [
        f"{file.relative_to(REPOSITORY)}: {module}"
        for folder, others in forbidden.items()
        for file in sorted((REPOSITORY / folder).rglob("*.py"))
        for module, _ in imported(file)
        if any(module == other or module.startswith(other + ".") for other in others)
    ]
    assert wrong == []
