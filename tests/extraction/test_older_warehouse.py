"""What would be lost when a warehouse that an older callmart made is loaded on by this one."""

from __future__ import annotations

import json
from typing import Any

import dlt
import duckdb
import pytest

from pipelines.errors import CallmartError
from pipelines.home import Home
from simulator.platform import Platform
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.extraction.test_load import HOUR, ask, assert_equals_platform, loaded


def make_older(home: Home, *, types: dict[str, str], without: tuple[str, ...] = ()) -> None:
    """Turn tables and dlt's own schema into those of a callmart that declared these columns otherwise.

    `types` are dlt's, by `table.column`; columns `without` had not been thought of.
    """
    with duckdb.connect(str(home.warehouse)) as connection:
        [(stored,)] = connection.execute("select schema from ccaip._dlt_version").fetchall()
        schema = json.loads(stored)
        for place, type_ in types.items():
            table, column = place.split(".")
            connection.execute(f"alter table ccaip.{table} alter column {column} type {type_}")
            schema["tables"][table]["columns"][column]["data_type"] = type_
        for place in without:
            table, column = place.split(".")
            connection.execute(f"alter table ccaip.{table} drop column {column}")
            del schema["tables"][table]["columns"][column]
        older = dlt.Schema.from_dict(schema)
        connection.execute(
            "update ccaip._dlt_version set schema = ?, version_hash = ?",
            [json.dumps(older.to_dict()), older.version_hash],
        )


def with_a_photo(call_id: int, photo: Any) -> dict[str, Any]:
    return a_call(call_id, photos=[{"id": photo}], videos=[{"id": photo}])


@pytest.fixture
def calls() -> LivingCalls:
    calls = LivingCalls()
    calls.put(START + seconds(1), with_a_photo(1, 701))
    return calls


@pytest.fixture
def platform(calls: LivingCalls, serve: Any, home: Home) -> Platform:
    """The calls, which `home` has loaded. An hour later there is more to load."""
    platform: Platform = serve(calls)
    platform.clock.set(START + HOUR)
    loaded(platform, home)
    platform.clock.advance(HOUR)
    return platform


def test_calls_with_a_text_where_a_number_stood_before_are_not_lost(calls, platform, home):
    make_older(home, types={"photos.id": "bigint", "videos.id": "bigint"})
    calls.put(START + HOUR + seconds(1), with_a_photo(2, 702))
    calls.put(START + HOUR + seconds(2), with_a_photo(3, "a-photo"))
    assert loaded(platform, home).problems == []
    photos = [(1, "701"), (2, "702"), (3, "a-photo")]
    assert ask(home, "select call_id, id from ccaip.photos order by 1") == photos
    assert_equals_platform(home, calls.truth(platform.clock.now()))
    platform.clock.advance(HOUR)
    assert loaded(platform, home).problems == []  # on what was taken over, too


def test_columns_that_are_new_since_are_made_and_filled(calls, platform, home):
    make_older(home, types={}, without=("load_windows.oldest_new_at", "calls.rating", "photos.url"))
    new = with_a_photo(2, 702) | {"rating": 5}
    new["photos"][0]["url"] = "https://photos.example/702"
    calls.put(START + HOUR + seconds(1), new)
    assert loaded(platform, home).problems == []
    assert ask(home, "select id, rating from ccaip.calls order by 1") == [(1, None), (2, 5)]
    assert_equals_platform(home, calls.truth(platform.clock.now()))
    oldest = "select count(*) from ccaip.load_windows where oldest_new_at is not null and why = 'tail'"
    assert ask(home, oldest) == [(1,)]


def test_a_type_that_cannot_be_taken_over_is_told_before_anything_is_asked_or_changed(calls, platform, home):
    make_older(home, types={"calls.has_feedback": "text", "photos.id": "bigint"})
    asked = platform.stats.requests
    with pytest.raises(CallmartError, match=r"calls.has_feedback \(VARCHAR, now BOOLEAN\)\.") as caught:
        loaded(platform, home)
    assert "photos" not in str(caught.value)
    assert "callmart load" in caught.value.mend
    assert platform.stats.requests == asked
    assert ask(home, "select id from ccaip.photos") == [(701,)]
