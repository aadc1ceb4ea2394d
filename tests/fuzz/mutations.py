"""Ways in which one call of a page can be broken: bytes, values, keys and cuts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

_VALUES = (
    b"null", b"true", b"0", b"-1", b"12.0", b"1e400", b"9" * 30, b'""', b'"x"', b'" 7"', b"[]", b"{}", b"[[]]",
    b'{"id":1}', b"[null]", b"NaN", b"-Infinity", b'"a\\ud83d"', b'"\\u0000"', b'"\xff"', b"'x'", b"",
    b'"9999-12-31T23:59:59Z"', b'"0001-01-01T00:00:00+14:00"', b'"2026-03-10 10:00:00 UTC"',
)  # fmt: skip


def mutated(call: bytes, chance: Random) -> bytes:
    """The call (JSON) with one mutation."""
    return chance.choice(_MUTATIONS)(call, chance)


def _byte_changed(call: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(call))
    return call[:place] + bytes([chance.randrange(256)]) + call[place + 1 :]


def _bytes_inserted(call: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(call) + 1)
    odd = bytes(chance.choice(b'{}[]",:\\ \n\x00\xff09eE-.ntf') for _ in range(chance.randint(1, 8)))
    return call[:place] + odd + call[place:]


def _cut(call: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(call))
    return call[:place] if chance.random() < 0.5 else call[place:]


def _value_swapped(call: bytes, chance: Random) -> bytes:
    """Replace a value by another JSON value, or by invalid JSON."""
    mark = "\ue000"
    document = json.loads(call)
    holder, key = chance.choice(list(_places(document)))
    holder[key] = mark
    return json.dumps(document).encode().replace(json.dumps(mark).encode(), chance.choice(_VALUES))


def _key_doubled(call: bytes, chance: Random) -> bytes:
    """Repeat a key of an object with another value."""
    mark = "\ue000"
    document = json.loads(call)
    holder, key = chance.choice([place for place in _places(document) if isinstance(place[0], dict)])
    holder[mark] = 0
    return (
        json.dumps(document)
        .encode()
        .replace(json.dumps(mark).encode() + b": 0", json.dumps(key).encode() + b":" + chance.choice(_VALUES))
    )


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every value, as its object or array and the key in it."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items):
        yield document, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


_MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    _byte_changed, _bytes_inserted, _cut, _value_swapped, _key_doubled,
)  # fmt: skip
