"""The expected content of a mart: for each key the value of every other column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Row = dict[str, Any]
Member = TypeVar("Member")
Key = TypeVar("Key")


@dataclass
class Cells:
    """The oracle's result for one mart."""

    mart: str
    keys: tuple[str, ...]
    rows: dict[tuple[Any, ...], Row] = field(default_factory=dict)


def grouped(members: Iterable[Member], key: Callable[[Member], Key]) -> dict[Key, list[Member]]:
    """The members of each cell."""
    groups: dict[Key, list[Member]] = defaultdict(list)
    for member in members:
        groups[key(member)].append(member)
    return groups
