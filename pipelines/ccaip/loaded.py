"""Read what the destination already has, through dlt: versions of calls, the ledger, erased people.

Works on every destination with an SQL client in dlt. Before the first load, and on destinations without SQL, the
results are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from pipelines.ccaip.privacy.forgotten import Forgotten, Remembered
from pipelines.ccaip.privacy.policy import KEY_COMMAND, Pseudonyms
from pipelines.ccaip.tables import FORGOTTEN, LOAD_WINDOWS, PSEUDONYM_KEYS, REJECTED_CALLS
from pipelines.ccaip.windows import Window, in_utc
from pipelines.errors import ConfigurationError

MOST_ATTEMPTS = 5
"""The number of attempts at a window; after that, `callmart status` and `callmart reconcile` report it."""

REPEATABLE = ("tail", "overlap", "backfill")
"""The kinds of windows that stay open until they are complete."""

_IDS_A_QUERY = 5_000
_FIXED_WORD = "callmart: the key of this warehouse"
_VERSIONS = pa.schema([("id", pa.int64()), ("updated_at", pa.timestamp("us", tz="UTC"))])


class Loaded:
    """Queries a destination, each time with a `new_client`. If nothing was ever loaded, results are empty."""

    def __init__(self, new_client: Callable[[], SqlClientBase[Any]]) -> None:
        self._new_client = new_client
        self._client: SqlClientBase[Any] | None = None

    @contextmanager
    def connected(self) -> Iterator[SqlClientBase[Any] | None]:
        """Keep one client for all questions of the block: dlt resolves its configuration for each new one.

        None where the destination has no SQL client.
        """
        if self._client:
            yield self._client
            return
        try:
            client = self._new_client()
        except SqlClientNotAvailable:
            yield None
            return
        with client:
            self._client = client
            try:
                yield client
            finally:
                self._client = None

    def versions(self, ids: Sequence[int]) -> pa.Table:
        """The calls among `ids` that are loaded: `id` and `updated_at` (UTC)."""
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(ids), _IDS_A_QUERY):
            listed = ", ".join(map(str, ids[start : start + _IDS_A_QUERY]))
            rows += self._rows("calls", "id, updated_at", f"where id in ({listed})")
        return pa.table(
            {
                "id": pa.array([row[0] for row in rows], pa.int64()),
                "updated_at": [in_utc(row[1]) for row in rows],
            },
            _VERSIONS,
        )

    def rejected(self) -> dict[str, int]:
        """The rejected calls by key, and how often each was rejected."""
        return dict(self._rows(REJECTED_CALLS.name, "call_key, attempt"))

    def open_windows(self) -> list[Window]:
        """The windows that are not complete and have attempts left, oldest first."""
        rows = self._rows(
            LOAD_WINDOWS.name,
            "window_id, window_from, window_until, counted_before, why, attempt, verdict",
        )
        newest: dict[str, tuple[Any, ...]] = {}
        for row in rows:
            if row[0] not in newest or row[5] > newest[row[0]][5]:
                newest[row[0]] = row
        windows = [
            Window(
                in_utc(since),
                in_utc(until),
                expected,
                why,
                window_id,
                attempt + (verdict != "planned"),
            )
            for window_id, since, until, expected, why, attempt, verdict in newest.values()
            if why in REPEATABLE and verdict != "complete" and attempt < MOST_ATTEMPTS
        ]
        return sorted(windows, key=lambda window: (window.since, window.until))

    def forgotten(self, key: str) -> Forgotten:
        """The erased people. Raises `ConfigurationError` if the key is missing or another one."""
        remembered = [Remembered(*row) for row in self._rows(FORGOTTEN.name, "kind, pseudonym, choice")]
        return forgotten_under(self.key_fingerprint(), remembered, key)

    def key_fingerprint(self) -> str | None:
        """The fingerprint of the key of the loaded pseudonyms; None if none is recorded."""
        found = self._rows(PSEUDONYM_KEYS.name, "fingerprint")
        return found[0][0] if found else None

    def _rows(self, table: str, columns: str, condition: str = "") -> list[tuple[Any, ...]]:
        with self.connected() as client:
            if client is None:
                return []
            name = client.make_qualified_table_name(table)
            try:
                with client.execute_query(f"select {columns} from {name} {condition}") as cursor:
                    return cursor.fetchall()
            except DatabaseUndefinedRelation:
                return []


def fingerprint(key: str) -> str:
    """A fingerprint that distinguishes keys without revealing them."""
    return Pseudonyms(key).of(_FIXED_WORD)


def check_key(loaded: str | None, key: str) -> None:
    """Raise `ConfigurationError` if `loaded` is the fingerprint of another key."""
    if loaded and key and loaded != fingerprint(key):
        raise ConfigurationError(
            "The key for pseudonyms ([privacy] key) is not the one this warehouse was loaded with: the same caller "
            "would get another pseudonym.",
            "Set the key that was used before. After `callmart privacy rotate-key` it is the longer one, on every "
            "machine; if that was interrupted, run it again.",
        )


def forgotten_under(loaded: str | None, remembered: Sequence[Remembered], key: str) -> Forgotten:
    """The erased people. Raises `ConfigurationError` if the key is missing or another one.

    `loaded` is the fingerprint of the key that their pseudonyms were made with.
    """
    check_key(loaded, key)
    if remembered and not key:
        raise ConfigurationError(
            "People were erased from this warehouse. Without the key for pseudonyms ([privacy] key) a load "
            "cannot recognise them and would bring them back.",
            f"Set the key that was used to erase them. (`{KEY_COMMAND}` creates another one, which does not help.)",
        )
    return Forgotten(remembered, Pseudonyms(key) if key else None)
