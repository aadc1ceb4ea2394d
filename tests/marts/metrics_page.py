"""docs/metrics.md in parts that tests can compare with the marts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.marts.dbt_raw import ROOT

TEXT = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
_METRIC = re.compile(r"^- `(\w+)` = `([^`]+)` = (.+) = \*\*([\d.]+)\*\*", re.MULTILINE)
_PART = re.compile(r"^\| `(\w+)` \| (\d+) \|", re.MULTILINE)


@dataclass(frozen=True)
class Metric:
    """A metric of the page: its formula over columns, and the example computed from the parts of its chapter."""

    name: str
    formula: str
    worked: str
    result: str
    parts: dict[str, int]

    @property
    def sql(self) -> str:
        """The formula as SQL, NULL if the denominator is 0."""
        numerator, denominator = self.formula.rsplit(" / ", 1)
        return f"cast({numerator} as double) / nullif({denominator}, 0)"

    @property
    def columns(self) -> set[str]:
        return set(re.findall(r"[a-z]\w+", self.formula))


METRICS = [
    Metric(*found, {part: int(value) for part, value in _PART.findall(chapter)})
    for chapter in re.split(r"^## ", TEXT, flags=re.MULTILINE)
    for found in _METRIC.findall(chapter)
]
HEADED = {
    name for line in re.findall(r"^### (.+)$", TEXT, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)
}
QUERIES = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
