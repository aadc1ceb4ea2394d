"""Keep erased people out of later loads: their calls are anonymised, or left out, before they are stored.

    parsed tables → Forgotten.apply → (privacy policy) → tables to load

A pseudonym is stored for each value that identifies the person, so this works on original values. Calls are matched by
the caller's id, by an identifier, or by their own id, and calls whose caller has no id by the person's known
identifiers. JSON of other calls is emptied if it contains one of the identifiers; free text is not searched.
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
"""The kind of a stored value. A `contact` belongs to a person who was erased by another value. It matches only if the
caller's id is not known, because two callers may share a number."""

Choice = Literal["anonymous", "removed"]
"""What happens to the calls."""

SHORTEST_MENTION = 6
"""Characters. Shorter texts occur in JSON and logs by chance."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A value to be kept out, as a pseudonym."""

    kind: Kind
    pseudonym: str
    choice: Choice


class Forgotten:
    """The people erased from a warehouse. Can be used by several threads."""

    def __init__(self, remembered: Iterable[Remembered], pseudonyms: Pseudonyms | None) -> None:
        """`pseudonyms` is only needed if somebody was erased."""
        self._choices: dict[tuple[str, str], Choice] = {
            (each.kind, each.pseudonym): each.choice for each in remembered
        }
        self._pseudonyms = pseudonyms
        self._mentions = {pseudonym for kind, pseudonym in self._choices if kind in ("identifier", "contact")}

    def __bool__(self) -> bool:
        return bool(self._choices)

    def apply(self, tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], pa.Array]:
        """The tables without erased people, and the ids of calls that were left out: an earlier version of them
        may have been loaded before their caller was known."""
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
        """The calls of erased people with the action for each, and the rows of erased participants (call and `idx`)
        in calls of others."""
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
        """The action for a call that could not be parsed, by its JSON; None if it contains no erased person.

        JSON that cannot be searched is treated as if it did.
        """
        if not self:
            return None
        try:
            told = list(tellings(body))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return "anonymous"  # its caller cannot be determined
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
        assert self._pseudonyms  # erasures need a key
        return value if is_pseudonym(value) else self._pseudonyms.of(value)

    def _without_mentions(self, name: str, rows: pa.Table) -> pa.Table:
        """Set JSON cells that contain an identifier of an erased person to NULL."""
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
    """The values that identify the caller in a call that could not be parsed: kind and value."""
    for above, key, value in _leaves(msgspec.json.decode(body)):
        if key == "end_user_id" or (above, key) == ("end_user", "id"):
            yield "end_user", value
        elif (above, key) == ("", "id"):
            yield "call", value
        elif len(value) >= SHORTEST_MENTION:
            yield "identifier", value


def _leaves(value: Any, above: str = "", key: str = "") -> Iterator[tuple[str, str, str]]:
    """Every scalar of a JSON value as text, with its key and the key of its object, except those of agents."""
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
