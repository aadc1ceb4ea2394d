"""Keeps forgotten people out: what a load brings of them is made anonymous, or left out, before it lands.

    exploded tables → Forgotten.apply → (privacy policy) → tables as they land

What is remembered of a person is a pseudonym of each value that tells of them, so this works on values as they
came. Calls are matched by the caller's id, by an identifier, by their own id, and calls whose caller has no id
by the identifiers that the person was known to have. JSON of other calls loses its value when one of the
identifiers stands in it; free text is not searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.privacy.callers import AGENTS, TELLING, anonymous, callers_columns, without_parties
from pipelines.ccaip.privacy.policy import Pseudonyms, is_pseudonym
from pipelines.ccaip.tables import TABLES

Kind = Literal["end_user", "identifier", "contact", "call"]
"""What a remembered value is. A `contact` was found with a person who was forgotten by something else: it
matches only where the caller's id is not known, for two callers may share a number."""

Choice = Literal["anonymous", "removed"]
"""What becomes of the calls."""

SHORTEST_MENTION = 6
"""Characters. Shorter texts stand in JSON and logs by chance."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A value to be kept out, as a pseudonym."""

    kind: Kind
    pseudonym: str
    choice: Choice


class Forgotten:
    """The people that a warehouse was told to forget. May be used by several threads."""

    def __init__(self, remembered: Iterable[Remembered], pseudonyms: Pseudonyms | None) -> None:
        """`pseudonyms` are only needed when somebody is remembered."""
        self._choices: dict[tuple[str, str], Choice] = {
            (each.kind, each.pseudonym): each.choice for each in remembered
        }
        self._pseudonyms = pseudonyms
        self._mentions = {pseudonym for kind, pseudonym in self._choices if kind in ("identifier", "contact")}

    def __bool__(self) -> bool:
        return bool(self._choices)

    def apply(self, tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], pa.Array]:
        """The tables without what tells of forgotten people, and the ids of the calls that were left out:
        an earlier version of them may have landed, when nobody knew whose they are."""
        applied = dict(tables)
        if not self:
            return applied, pa.nulls(0, pa.int64())
        calls, parties = self.matches(tables)
        applied = anonymous(applied, _ids(calls, "anonymous"))
        applied["participants"] = without_parties(applied["participants"], parties)
        removed = _ids(calls, "removed")
        for name, rows in applied.items():
            others = rows.filter(pc.invert(pc.is_in(rows[TABLES[name].key[0]], removed)))
            applied[name] = self._without_mentions(name, others)
        return applied, removed

    def matches(self, tables: Mapping[str, pa.Table]) -> tuple[dict[int, Choice], set[tuple[int, int]]]:
        """Of the calls that came those of forgotten people, and what is to become of each; and the forgotten
        parties (call and `idx`) in calls of others."""
        calls: dict[int, Choice] = {}
        parties: set[tuple[int, int]] = set()
        if not self:
            return calls, parties
        with duckdb.connect(config={"threads": 1}) as db:
            for name in ("calls", "participants"):
                db.register(name, tables[name])
            told = db.execute(f"select distinct * from ({TELLING}) where value <> ''").fetchall()
        for call_id, idx, kind, value, owner, is_whole in told:
            choice = self._choice(kind, value, has_owner=owner is not None)
            if choice and is_whole:
                calls[call_id] = "removed" if calls.get(call_id) == "removed" else choice
            elif choice:
                parties.add((call_id, idx))
        return calls, parties

    def body(self, body: bytes) -> Choice | None:
        """What is to become of a call that could not be read, by its JSON; None when nobody forgotten is in it.

        JSON that cannot be searched is taken to hold somebody.
        """
        if not self:
            return None
        try:
            told = list(tellings(body))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return "anonymous"  # nobody can tell whose it is
        has_owner = any(kind == "end_user" for kind, _ in told)
        found = {self._choice(kind, value, has_owner=has_owner) for kind, value in told} - {None}
        return "removed" if "removed" in found else "anonymous" if found else None

    def _choice(self, kind: str, value: str, *, has_owner: bool) -> Choice | None:
        pseudonym = self._of(value)
        choice = self._choices.get((kind, pseudonym))
        if choice is None and kind == "identifier" and not has_owner:
            choice = self._choices.get(("contact", pseudonym))
        return choice

    def _of(self, value: str) -> str:
        assert self._pseudonyms  # whoever remembers somebody has a key
        return value if is_pseudonym(value) else self._pseudonyms.of(value)

    def _without_mentions(self, name: str, rows: pa.Table) -> pa.Table:
        """JSON cells in which an identifier of a forgotten person stands become NULL."""
        for column in (each for each in callers_columns(TABLES[name]) if each.type == "json"):
            place = rows.schema.get_field_index(column.name)
            values = rows[place]
            if values.null_count == len(values):
                continue
            kept = [None if text and self._mentioned(text) else text for text in values.to_pylist()]
            rows = rows.set_column(place, rows.schema.field(place), pa.array(kept, values.type))
        return rows

    def _mentioned(self, text: str) -> bool:
        return any(
            len(value) >= SHORTEST_MENTION and self._of(value) in self._mentions
            for _, _, value in _leaves(msgspec.json.decode(text))
        )


NOBODY = Forgotten((), None)


def tellings(body: bytes) -> Iterator[tuple[Kind, str]]:
    """What tells of a caller in a call that cannot be read as declared: kind and value."""
    for above, key, value in _leaves(msgspec.json.decode(body)):
        if key == "end_user_id" or (above, key) == ("end_user", "id"):
            yield "end_user", value
        elif (above, key) == ("", "id"):
            yield "call", value
        elif len(value) >= SHORTEST_MENTION:
            yield "identifier", value


def _leaves(value: Any, above: str = "", key: str = "") -> Iterator[tuple[str, str, str]]:
    """Every leaf of a JSON value as text, with its key and the key of the object it stands in; no agent's."""
    match value:
        case dict():
            is_agents = (
                key == "participants" and "agent" in str(value.get("type")) and not value.get("end_user_id")
            )
            for name, each in value.items():
                if name not in AGENTS and (isinstance(each, (dict, list)) or not is_agents):
                    yield from _leaves(each, key, name)
        case list():
            for each in value:
                yield from _leaves(each, above, key)
        case None | bool():
            return
        case _:
            yield above, key, str(value)


def _ids(choices: Mapping[int, Choice], choice: str) -> pa.Array:
    return pa.array([call_id for call_id, each in choices.items() if each == choice], pa.int64())
