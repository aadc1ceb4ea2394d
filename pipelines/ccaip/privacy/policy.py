"""The privacy policy: personal data is kept, replaced by a pseudonym, masked or dropped before it is stored.

    parsed tables → PrivacyFilter.apply → tables to load

Every column has a privacy class (`tables`). A policy sets the action for each class or for single columns. By default
nothing that identifies a person is stored: identifiers, names and contacts become pseudonyms, everything else personal
is dropped.

A pseudonym is the HMAC-SHA-256 of a value under a secret key. It depends only on the value, not on the
column or the table, so that a caller stays the same caller in all calls and tables. Values are not normalised:
treating spellings as equal ("+1 (415) 555-0100", "+14155550100") would also merge ids that differ only in spelling. So
two values have the same pseudonym if and only if they are equal, and counts of callers are the same whether the policy
keeps or hashes them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache, partial
from itertools import accumulate
from types import MappingProxyType
from typing import Any

import msgspec
import pyarrow as pa

from pipelines.ccaip.parse_sql import REQUIRED
from pipelines.ccaip.tables import EXTRA, RECORDS, TABLES, Column, Privacy
from pipelines.errors import ConfigurationError

KEY_COMMAND = "callmart privacy make-key"
PREFIX = "pn_"
"""The prefix of pseudonyms."""

SHORTEST_KEY = 16  # characters
_DIGITS = 24  # hexadecimal digits of the HMAC: 96 bits, enough to avoid collisions among a billion callers
PSEUDONYM = re.compile(rf"{PREFIX}[0-9a-f]{{{_DIGITS}}}")
"""The pattern of pseudonyms."""


class Action(StrEnum):
    """What to do with a personal value."""

    KEEP = "keep"
    HASH = "hash"
    MASK = "mask"
    DROP = "drop"


DEFAULT_ACTIONS: Mapping[Privacy, Action] = MappingProxyType(
    {
        Privacy.NONE: Action.KEEP,
        Privacy.IDENTIFIER: Action.HASH,
        Privacy.NAME: Action.HASH,
        Privacy.CONTACT: Action.HASH,
        Privacy.LINK: Action.DROP,
        Privacy.FREE_TEXT: Action.DROP,
        Privacy.NETWORK: Action.DROP,
    }
)


@dataclass(frozen=True)
class Policy:
    """The actions for classes, and for single columns (`calls.email`), which take precedence over their class.

    Classes that `classes` does not name have the action of `DEFAULT_ACTIONS`.
    """

    classes: Mapping[Privacy, Action] = field(default_factory=dict)
    columns: Mapping[str, Action] = field(default_factory=dict)

    def action(self, table: str, column: str) -> Action:
        """The action for a declared column. Raises `KeyError` if there is no such column."""
        found = self.columns.get(f"{table}.{column}")
        return found or self.of(declared_columns()[table, column].privacy)

    def of(self, class_: Privacy) -> Action:
        """The action for columns of a class without their own action."""
        return self.classes.get(class_, DEFAULT_ACTIONS[class_])

    @property
    def hashes(self) -> list[str]:
        """The names of the classes and columns that become pseudonyms."""
        names = [class_.value for class_ in Privacy if self.of(class_) is Action.HASH]
        return [*names, *(name for name, action in self.columns.items() if action is Action.HASH)]

    @property
    def keeps_all(self) -> bool:
        """Whether everything is stored unchanged."""
        actions = [*(self.of(class_) for class_ in Privacy), *self.columns.values()]
        return all(action is Action.KEEP for action in actions)


def check_action(name: str, action: Action) -> None:
    """Raise `ValueError`, with the end of a sentence, if a column (`calls.email`) cannot have this action."""
    table, _, column_name = name.partition(".")
    column = declared_columns().get((table, column_name))
    if column is None:
        raise ValueError(f"has {name}, which is not a column of a raw table such as calls.email")
    if action is Action.KEEP:
        return
    if table in TABLES:
        is_key = column in TABLES[table].key_columns or (table == "calls" and column_name in REQUIRED)
    else:
        is_key = name != "rejected_calls.body"
    if is_key:
        raise ValueError(f"has {name}, which callmart cannot work without")
    if name == "rejected_calls.body" and action is not Action.DROP:
        raise ValueError(f"has {name}, which can only be kept or dropped")
    if action is not Action.DROP and column.type not in ("text", "json"):
        raise ValueError(f"has {name}, which is not text: it can only be kept or dropped")


KEEP_ALL = Policy(dict.fromkeys(Privacy, Action.KEEP))
"""Everything is stored unchanged."""


@cache
def declared_columns() -> dict[tuple[str, str], Column]:
    """Every column that can be stored, including `_extra` of each table of calls, by table and name."""
    of_calls = [
        (table.name, column)
        for table in TABLES.values()
        for column in (*table.key_columns, *table.columns, EXTRA)
    ]
    of_records = [(table.name, column) for table in RECORDS for column in table.columns]
    return {(table, column.name): column for table, column in of_calls + of_records}


def personal_columns() -> dict[tuple[str, str], Column]:
    """Those of them that have a class other than `none`."""
    return {
        place: column for place, column in declared_columns().items() if column.privacy is not Privacy.NONE
    }


# --- pseudonyms -----------------------------------------------------------------------------------


class Pseudonyms:
    """Replaces values by pseudonyms under a key.

    A rotated key has several parts, separated by dots, oldest first. Each part is applied to the result of the one
    before: `Pseudonyms("old.new").of(value)` is `Pseudonyms("new").of(Pseudonyms("old").of(value))`. So a rotation can
    rewrite stored pseudonyms without the values, and they match those of later loads.
    """

    def __init__(self, key: str) -> None:
        self._parts = [part.encode() for part in key.split(".") if part]
        if not self._parts:
            raise ValueError("a key for pseudonyms must not be empty")

    def of(self, value: str) -> str:
        """The pseudonym of a value. An empty text stays empty."""
        if not value:
            return value
        for part in self._parts:
            value = _pseudonym(part, value)
        return value


def is_pseudonym(value: str) -> bool:
    """Whether a text looks like a pseudonym."""
    return PSEUDONYM.fullmatch(value) is not None


def _pseudonym(key: bytes, value: str) -> str:
    return PREFIX + hmac.digest(key, value.encode(), hashlib.sha256).hex()[:_DIGITS]


# --- masks ----------------------------------------------------------------------------------------

_MASKED = "***"
_MAIL = re.compile(r"[^@\s]+@((?:[\w-]+\.)+[\w-]+)")
_PHONE = re.compile(r"\+[\d ()./-]{6,24}")
_LINK = re.compile(r"(https?://)(?:[^/?#@\s]*@)?([^/?#@\s]+).*", re.DOTALL)
_COUNTRY = re.compile(r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}")  # ITU-T E.164


def masked(value: str) -> str:
    """The part of a value that does not identify a person: a number's country, an email's domain, a link's host."""
    if not value:
        return value
    if mail := _MAIL.fullmatch(value):
        return f"{_MASKED}@{mail[1]}"
    if _PHONE.fullmatch(value) and (country := _COUNTRY.match(re.sub(r"\D", "", value))):
        return f"+{country[0]}{_MASKED}"
    if link := _LINK.fullmatch(value):
        return f"{link[1]}{link[2]}/{_MASKED}"
    return _MASKED


# --- the filter -----------------------------------------------------------------------------------


class PrivacyFilter:
    """Applies a policy to tables before they are stored. Can be used by several threads.

    Raises `ConfigurationError` if the policy hashes and there is no key.
    """

    def __init__(self, policy: Policy, key: str = "") -> None:
        if policy.hashes and not key:
            raise ConfigurationError(
                "There is no key for pseudonyms ([privacy] key), but the privacy policy creates pseudonyms of "
                f"{', '.join(policy.hashes)}.",
                f"`{KEY_COMMAND}` creates one in .dlt/secrets.toml. Or set PRIVACY__KEY. Keep it as long as the "
                "warehouse: under another key the same caller has another pseudonym.",
            )
        self.policy = policy
        self._pseudonyms = Pseudonyms(key) if key else None
        self._treated = {
            name: [
                (column, action)
                for (table, column_name), column in declared_columns().items()
                if table == name and (action := policy.action(table, column_name)) is not Action.KEEP
            ]
            for name in TABLES
        }

    def apply(self, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """The tables of calls after the policy."""
        applied = dict(tables)
        texts: dict[Action, list[tuple[str, int]]] = {Action.HASH: [], Action.MASK: []}
        for name, table in tables.items():
            for column, wanted in self._treated.get(name, ()):
                place = table.schema.get_field_index(column.name)
                if table.column(place).null_count == len(table):
                    continue
                if column is EXTRA or (column.type == "json" and wanted is not Action.DROP):
                    treat = partial(self.json, action=wanted)
                    (treated,) = _mapped([_whole(table, place)], treat)
                    applied[name] = _with(applied[name], place, treated)
                elif wanted is Action.DROP:
                    dropped = pa.nulls(len(table), table.schema.field(place).type)
                    applied[name] = _with(applied[name], place, dropped)
                else:
                    texts[wanted].append((name, place))
        for action, places in texts.items():
            columns = [_whole(tables[name], place) for name, place in places]
            treated_columns = _mapped(columns, partial(self.text, action=action))
            for (name, place), treated in zip(places, treated_columns, strict=True):
                applied[name] = _with(applied[name], place, treated)
        return applied

    def text(self, value: str, action: Action) -> str | None:
        """A text after an action; None if it is dropped."""
        match action:
            case Action.KEEP:
                return value
            case Action.HASH:
                assert self._pseudonyms, "hashing needs a key"
                return self._pseudonyms.of(value)
            case Action.MASK:
                return masked(value)
        return None

    def json(self, text: str, action: Action) -> str:
        """JSON of undeclared keys after an action, which applies to the values; the outermost keys stay."""
        value = decoded(text)
        if isinstance(value, dict):
            value = {shown_name(key): self.value(each, action) for key, each in value.items()}
        else:
            value = self.value(value, action)
        return encoded(value)

    def value(self, value: Any, action: Action) -> Any:
        """A JSON value after an action: scalars are hashed or masked; of a dropped value only the type is left."""
        if action is Action.KEEP or value is None:
            return value
        if action is Action.DROP:
            return f"(withheld: {json_type(value)})"
        if isinstance(value, dict):
            return {key: self.value(each, action) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each, action) for each in value]
        return self.text(value if isinstance(value, str) else encoded(value), action)


# --- JSON, and what is safe to show ---------------------------------------------------------------

_exact_decoder = msgspec.json.Decoder(float_hook=Decimal)
_exact_encoder = msgspec.json.Encoder(decimal_format="number")


def decoded(text: str | bytes) -> Any:
    """The value of a JSON text, with numbers unchanged. Raises `msgspec.DecodeError`."""
    return _exact_decoder.decode(text)


def encoded(value: Any) -> str:
    """The JSON text of what was `decoded`."""
    return _exact_encoder.encode(value).decode()


_NAME = re.compile(r"(?!.*\d{6})[\w .,:&/()+-]{1,60}")  # six digits in a row may be part of a phone number

WITHHELD = "(no plain word)"
"""Replaces a value or key that does not look like a name, such as a phone number, an address or a sentence."""


def shown_name(word: str) -> str:
    """An undeclared value of an enumeration, or the name of an undeclared key, if it looks like a name."""
    return word if _NAME.fullmatch(word) else WITHHELD


def json_type(value: Any) -> str:
    """The JSON type in words, never the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int():
            return "whole number"
        case float() | Decimal():
            return "number with a fraction"
        case str():
            return "text"
        case list():
            return "array"
    return "object"


def _mapped(columns: Sequence[pa.Array], treat: Callable[[str], str | None]) -> list[pa.Array]:
    """Columns of text with a function applied once per distinct value. NULL stays NULL."""
    if not columns:
        return []
    encoded = pa.concat_arrays(columns).dictionary_encode()
    treated = pa.array([treat(value) for value in encoded.dictionary.to_pylist()], pa.string())
    together = treated.take(encoded.indices)
    starts = accumulate((len(column) for column in columns), initial=0)
    return [together.slice(start, len(column)) for start, column in zip(starts, columns, strict=False)]


def _whole(table: pa.Table, place: int) -> pa.Array:
    """A column as one array."""
    return pa.concat_arrays([pa.nulls(0, pa.string()), *table.column(place).chunks])


def _with(table: pa.Table, place: int, values: pa.Array) -> pa.Table:
    return table.set_column(place, table.schema.field(place), values)
