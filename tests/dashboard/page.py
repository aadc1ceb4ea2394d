"""The content of a page: numbers by panel, and the rows of its charts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class Shown:
    """A parsed page. `numbers` are (column, exact value, text); `charts` the specifications."""

    numbers: list[tuple[str, float, str]] = field(default_factory=list)
    charts: list[dict[str, Any]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.shown = Shown()
        self._number: tuple[str, float] | None = None
        self._chart = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "data":
            self._number = (given["data-column"] or "", float(given["value"] or "nan"))
        self._chart = tag == "script" and given.get("type") == "application/json"
        if tag == "a" and given.get("href"):
            self.shown.links.append(given["href"] or "")
        if given.get("id"):
            self.shown.ids.append(given["id"] or "")

    def handle_data(self, data: str) -> None:
        if self._number:
            self.shown.numbers.append((*self._number, data))
            self._number = None
        if self._chart:
            self.shown.charts.append(json.loads(data))
            self._chart = False
        else:
            self.shown.text += data


def read(html: str) -> Shown:
    """Parse a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.shown
