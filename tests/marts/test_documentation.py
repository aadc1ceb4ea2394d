"""What analysts read about the marts agrees with the marts, and says each thing once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.marts.dbt_raw import PROJECT

MODELS = PROJECT / "models"
BLOCK = re.compile(r"{% docs (\w+) %}\n(.*?)\n{% enddocs %}", re.DOTALL)
REFERENCE = re.compile(r"doc\('(\w+)'\)")


def hand_written() -> Iterator[dict[str, Any]]:
    """The models described by hand. Staging is generated: each of its columns is described where it is declared."""
    for file in sorted(MODELS.rglob("*.yml")):
        if file.parent.name != "staging":
            yield from yaml.safe_load(file.read_text(encoding="utf-8")).get("models", [])


def doc_blocks() -> dict[str, str]:
    """The text of each doc block, by name."""
    texts = (file.read_text(encoding="utf-8") for file in MODELS.rglob("*_docs.md"))
    return dict(pair for text in texts for pair in BLOCK.findall(text))


def test_what_two_models_say_alike_of_a_column_is_said_once() -> None:
    """Two copies of a definition drift apart, and both are read."""
    said = Counter(
        (column["name"], column["description"])
        for model in hand_written()
        for column in model.get("columns", [])
        if not REFERENCE.search(column["description"])
    )
    assert {pair: times for pair, times in said.items() if times > 1} == {}


def test_every_doc_block_is_referred_to() -> None:
    """A block nobody refers to tells of a column that went."""
    texts = (file.read_text(encoding="utf-8") for file in MODELS.rglob("*.yml"))
    assert doc_blocks().keys() == {name for text in texts for name in REFERENCE.findall(text)}
