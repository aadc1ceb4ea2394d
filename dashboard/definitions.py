"""`docs/metrics.md` as HTML: the target of the links "How defined", with an anchor for each metric."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

METRICS = Path(__file__).parent / "docs" / "metrics.md"  # a link in a clone
_NAME = re.compile(r"`(\w+)`")


@cache
def definitions() -> str:
    """The page. Headings that name metrics and table rows that name parts have an anchor for each name."""
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(METRICS.read_text(encoding="utf-8"))
    taken: set[str] = set()
    for opening, inline in pairwise(tokens):
        if opening.type == "table_open":
            opening.attrSet("tabindex", "0")  # it scrolls on a phone, by the keyboard too
        names = _names(opening, inline)
        if names and taken.isdisjoint(names):
            taken |= set(names)
            opening.attrSet("id", names[0])
            others = [Token("html_inline", "", 0, content=f'<span id="{name}"></span>') for name in names[1:]]
            inline.children = [*others, *(inline.children or [])]
    html: str = markdown.renderer.render(tokens, markdown.options, {})
    return html


def _names(opening: Token, inline: Token) -> list[str]:
    """What a heading or a table cell is called in links."""
    if opening.type == "heading_open":
        return _NAME.findall(inline.content) or [re.sub(r"\W+", "-", inline.content.lower()).strip("-")]
    if opening.type == "td_open" and (part := _NAME.fullmatch(inline.content)):
        return [part[1]]
    return []
