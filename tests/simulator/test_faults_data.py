"""What each fault of the calls does to whoever reads them; over a simulated centre, and over HTTP."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import orjson
import pytest

from simulator.calls import CallSource
from simulator.centre import Centre
from simulator.faults import DATA, SETTLING, Bounds, Fault, Storm, StormySource
from simulator.platform import Clock, Credentials, Platform

START = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
NOON = START + timedelta(hours=14)
CALLS = "/manager/api/v1/calls"
SEED = 7


@pytest.fixture(scope="module")
def centre() -> Centre:
    return Centre.simulate(SEED, START, days=1, calls_per_day=300)


@pytest.fixture
def settled(centre: Centre) -> datetime:
    return centre.last_change + SETTLING


@contextmanager
def _served(source: CallSource, at: datetime, storm: Storm | None = None) -> Iterator[httpx.Client]:
    with (
        Platform(
            source,
            clock=Clock.frozen(at),
            credentials=Credentials("acme", "token"),
            requests_per_second=0,
            faults=storm.transport() if storm else None,
        ) as platform,
        httpx.Client(
            base_url=platform.base_url,
            auth=("acme", "token"),
            params={"sort_column": "updated_at", "sort_direction": "ASC"},
        ) as http,
    ):
        yield http


def _all(source: CallSource, at: datetime, per: int = 100) -> list[dict[str, Any]]:
    """Every call that is served at `at`, page after page, in order."""
    with _served(source, at) as http:
        return _paged(http, per)


def _paged(http: httpx.Client, per: int) -> list[dict[str, Any]]:
    """The calls by page numbers, up to the first page that is not full."""
    calls: list[dict[str, Any]] = []
    for number in count(1):
        page = http.get(CALLS, params={"page": number, "per": per}).raise_for_status().json()
        calls += page
        if len(page) < per:
            break
    return calls


def _by_id(calls: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {int(call["id"]): call for call in calls}


def _bare(centre: Centre, at: datetime) -> dict[int, dict[str, Any]]:
    """Every call as the centre has it, as JSON has it."""
    found = {each.call_id: centre.body(each.call_id, at) for each in centre.versions(at)}
    return {call_id: orjson.loads(orjson.dumps(body)) for call_id, body in found.items()}


def _changed(call: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(call["updated_at"])


def _rows(call: dict[str, Any]) -> int:
    return sum(len(value) for value in call.values() if isinstance(value, list))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [leaf for each in inner for leaf in _leaves(each)]
    return [value]


# --- in time --------------------------------------------------------------------------------------


def test_whoever_goes_by_page_numbers_misses_calls_that_were_moved_over_the_edge(centre: Centre) -> None:
    storm = Storm(SEED, faults={Fault.MOVING}, probability=1.0)
    stormy = storm.over(centre)
    with _served(stormy, NOON, storm) as http:
        calls = _paged(http, per=20)
        after = datetime.fromisoformat(http.get("/_control/clock").json()["now"])
    missed = {each.call_id for each in stormy.versions(after)} - _by_id(calls).keys()
    assert len(missed) > 5
    assert stormy.versions(after) != centre.versions(after), "nothing has moved"
    read_again = [call for call in stormy.truth(after).values() if call["queue_priority_level"]]
    assert read_again
    assert all(NOON < _changed(call) <= after for call in read_again)


def test_a_call_that_moves_does_not_change_the_answer_for_an_instant_that_was(centre: Centre) -> None:
    storm = Storm(SEED, faults={Fault.MOVING}, probability=1.0)
    stormy = storm.over(centre)
    before, bodies = list(stormy.versions(NOON)), stormy.truth(NOON)
    with _served(stormy, NOON, storm) as http:
        for _ in range(5):
            http.get(CALLS)
    assert (list(stormy.versions(NOON)), stormy.truth(NOON)) == (before, bodies)


def test_a_change_that_is_seen_late_stands_behind_the_cursor(centre: Centre) -> None:
    stormy = Storm(SEED, faults={Fault.LATE}, share=1.0, bounds=Bounds(late_seconds=30)).over(centre)
    read = stormy.truth(NOON)
    cursor = max(map(_changed, read.values()))
    for step in range(1, 61):
        at = NOON + timedelta(seconds=10 * step)
        from_there_on = [each for each in stormy.versions(at) if each.updated_at >= cursor]
        read |= {each.call_id: stormy.body(each.call_id, at) for each in from_there_on}
        cursor = max(cursor, *(each.updated_at for each in from_there_on))
    assert read != stormy.truth(at), "who reads on from the cursor has everything"
    assert _by_id(_all(stormy, at)) == stormy.truth(at)
    earlier = [_bare(centre, at - timedelta(seconds=late)) for late in (30, 10)]
    assert all(
        any(bare.get(call_id) == body for bare in earlier) for call_id, body in stormy.truth(at).items()
    )
    assert stormy.truth(NOON + timedelta(days=9)) == _bare(centre, NOON + timedelta(days=9))


def test_more_calls_share_a_second_than_two_pages_hold(centre: Centre, settled: datetime) -> None:
    stormy = Storm(SEED, faults={Fault.CROWDED}).over(centre)
    calls = _all(stormy, settled)
    assert len(_by_id(calls)) == len(calls) == len(centre)
    second, crowd = Counter(map(_changed, calls)).most_common(1)[0]
    assert 250 < crowd <= Bounds().crowd
    for call_id, body in _by_id(calls).items():
        if _changed(body) == second:
            assert body | {"updated_at": None} == _bare_one(centre, call_id, settled) | {"updated_at": None}
    just_before = stormy.truth(second - timedelta(seconds=1))
    assert all(_changed(call) < second for call in just_before.values())


def _bare_one(centre: Centre, call_id: int, at: datetime) -> dict[str, Any]:
    return orjson.loads(orjson.dumps(centre.body(call_id, at)))


def test_a_call_dated_ahead_stands_behind_every_window(centre: Centre) -> None:
    stormy = Storm(SEED, faults={Fault.FUTURE}).over(centre)
    calls = _all(stormy, NOON)
    ahead = [call for call in calls if _changed(call) > NOON]
    assert 0.02 * len(calls) < len(ahead) < 0.2 * len(calls)
    assert calls[-len(ahead) :] == ahead, "they are not the last ones in order of updated_at"
    assert max(map(_changed, ahead)) > NOON + timedelta(days=365)


def test_a_call_vanishes_after_it_was_read(centre: Centre, settled: datetime) -> None:
    stormy = Storm(SEED, faults={Fault.VANISHING}).over(centre)
    read, left = _by_id(_all(stormy, NOON)), _by_id(_all(stormy, settled))
    gone = stormy.vanished(settled)
    assert gone & read.keys(), "nothing vanished that had been there"
    assert gone == set(centre.call_ids()) - left.keys()
    with pytest.raises(KeyError):
        stormy.body(min(gone), settled)


def test_arrays_shrink_and_the_warehouse_must_not_keep_their_rows(centre: Centre, settled: datetime) -> None:
    stormy = Storm(SEED, faults={Fault.SHRINKING}).over(centre)
    calls, bare = _by_id(_all(stormy, settled)), _bare(centre, settled)
    shrunk = [call_id for call_id in calls if _rows(calls[call_id]) < _rows(bare[call_id])]
    assert 0.05 * len(calls) < len(shrunk) < 0.15 * len(calls)
    for call_id in shrunk:
        changed = _changed(calls[call_id])
        assert changed > _changed(bare[call_id])
        assert stormy.body(call_id, changed - timedelta(seconds=1)) == bare[call_id]
    emptied = [
        key
        for call_id in shrunk
        for key, rows in bare[call_id].items()
        if isinstance(rows, list) and rows and not calls[call_id][key]
    ]
    assert "handle_durations" in emptied
    assert all(calls[call_id] == bare[call_id] for call_id in calls.keys() - shrunk)


def test_names_are_taken_out_of_calls_that_were_read_with_them(centre: Centre, settled: datetime) -> None:
    stormy = Storm(SEED, faults={Fault.REDACTED}, share=0.5).over(centre)
    calls, bare = _by_id(_all(stormy, settled)), _bare(centre, settled)
    redacted = [call_id for call_id in calls if calls[call_id] != bare[call_id]]
    assert len(redacted) > 0.3 * len(calls)
    left: set[Any] = set()
    for call_id in redacted:
        assert _changed(calls[call_id]) >= _changed(bare[call_id]) + timedelta(minutes=59)
        left |= {calls[call_id]["end_user"]["identifier"], *_names(calls[call_id])}
    assert left == {None, "[REDACTED]"}


def _names(call: dict[str, Any]) -> list[Any]:
    return [row[key] for row in call["participants"] for key in ("first_name", "email") if key in row]


def test_a_call_changes_and_no_updated_at_tells(centre: Centre, settled: datetime) -> None:
    stormy = Storm(SEED, faults={Fault.SILENT}).over(centre)
    calls, bare = _by_id(_all(stormy, settled)), _bare(centre, settled)
    silent = stormy.silent(settled)
    assert silent == {call_id for call_id in calls if calls[call_id] != bare[call_id]}
    assert len(silent) > 0.05 * len(calls)
    assert all(calls[call_id]["updated_at"] == bare[call_id]["updated_at"] for call_id in calls)
    first = min(silent)
    assert stormy.body(first, _changed(bare[first])) == bare[first]


# --- how a call is written ------------------------------------------------------------------------


def _rewritten(
    centre: Centre, fault: Fault, at: datetime = NOON
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The calls that a fault strikes: as the centre has them, as they are served."""
    bare = _bare(centre, at)
    calls = _by_id(_all(Storm(SEED, faults={fault}, share=0.4).over(centre), at))
    assert calls.keys() == bare.keys()
    struck = [call_id for call_id in calls if orjson.dumps(calls[call_id]) != orjson.dumps(bare[call_id])]
    assert 0.2 * len(calls) < len(struck) <= 0.6 * len(calls)
    return ((bare[call_id], calls[call_id]) for call_id in struck)


def test_instants_of_one_call_have_different_offsets(centre: Centre) -> None:
    offsets: set[str] = set()
    for bare, call in _rewritten(centre, Fault.OFFSETS):
        own = {found[0] for text in map(str, _leaves(call)) if (found := re.findall(r"T.{12}(\D.*)$", text))}
        offsets |= own
        for was, now in zip(_leaves(bare), _leaves(call), strict=True):
            if was != now:
                assert datetime.fromisoformat(now) == datetime.fromisoformat(was)
    assert offsets >= {"+00:00", "-07:00", "+05:30", "+14:00", "-03:30"}


@pytest.mark.parametrize(
    ("fault", "was", "now"), [(Fault.NUMERIC_BOOLEANS, bool, int), (Fault.TEXT_NUMBERS, int, str)]
)
def test_a_value_comes_in_another_type_and_means_the_same(
    centre: Centre, fault: Fault, was: type, now: type
) -> None:
    for bare, call in _rewritten(centre, fault):
        pairs = zip(_leaves(bare), _leaves(call), strict=True)
        changed = [(before, after) for before, after in pairs if type(before) is not type(after)]
        assert {(type(before), type(after)) for before, after in changed} == {(was, now)}
        assert all(now(before) == after for before, after in changed)


def test_keys_appear_that_nobody_documented(centre: Centre) -> None:
    names: set[str] = set()
    deeper = 0
    for bare, call in _rewritten(centre, Fault.UNKNOWN_KEYS):
        new = call.keys() - bare.keys()
        assert new
        names |= new
        assert {key: call[key] for key in bare if not isinstance(bare[key], dict | list)} == {
            key: bare[key] for key in bare if not isinstance(bare[key], dict | list)
        }
        deeper += sum(call[key] != bare[key] for key in bare)
    assert {"storm_0", "storm_1", "storm_2", "storm.dotted"} <= names
    assert deeper


def test_enumerations_have_values_that_nobody_documented(centre: Centre) -> None:
    values: set[str] = set()
    for bare, call in _rewritten(centre, Fault.UNKNOWN_VALUES):
        values |= {
            after for before, after in zip(_leaves(bare), _leaves(call), strict=True) if before != after
        }
        assert call["id"] == bare["id"]
    assert values == {"storm_value_0", "storm_value_1", "storm_value_2"}


@pytest.mark.parametrize("fault", [Fault.NULL_ARRAYS, Fault.MISSING_ARRAYS])
def test_an_array_with_rows_is_not_there(centre: Centre, fault: Fault) -> None:
    lost = 0
    for bare, call in _rewritten(centre, fault):
        for key, value in bare.items():
            if isinstance(value, list) and call.get(key) is None:
                assert (key in call) == (fault is Fault.NULL_ARRAYS)
                lost += bool(value)
            else:
                assert key in call
    assert lost > 50


# --- together -------------------------------------------------------------------------------------


def test_a_fault_strikes_no_call_but_its_own(centre: Centre) -> None:
    """The centre's bodies share objects: changed in place, a menu redacted once is redacted for everyone."""
    before = copy.deepcopy(_bare(centre, NOON))
    Storm(SEED, share=1.0).over(centre).truth(NOON + timedelta(days=3))
    assert _bare(centre, NOON) == before


@pytest.mark.parametrize("hours", [10, 14, 20, 40, 200])
def test_what_is_listed_and_what_is_served_never_disagree(centre: Centre, hours: int) -> None:
    now = START + timedelta(hours=hours)
    stormy = Storm(SEED, faults=DATA).over(centre)
    versions = stormy.versions(now)
    assert len({each.call_id for each in versions}) == len(versions) > 40
    for each in versions:
        body = stormy.body(each.call_id, now)
        assert (int(body["id"]), _changed(body)) == (each.call_id, each.updated_at)


@pytest.mark.parametrize("fault", [Fault.SHRINKING, Fault.REDACTED, Fault.CROWDED])
def test_a_change_is_listed_in_the_very_second_in_which_it_is_served(
    centre: Centre, settled: datetime, fault: Fault
) -> None:
    stormy = Storm(SEED, faults={fault}, share=1.0).over(centre)
    for last in list(stormy.versions(settled))[:40]:
        assert last in stormy.versions(last.updated_at)
        body = stormy.body(last.call_id, last.updated_at)
        assert body["updated_at"] == stormy.body(last.call_id, settled)["updated_at"]


def test_after_the_storm_has_settled_nothing_changes_any_more(centre: Centre, settled: datetime) -> None:
    stormy: StormySource = Storm(SEED, faults=DATA, share=0.3).over(centre)
    truth = stormy.truth(settled)
    assert truth == stormy.truth(settled + timedelta(days=3))
    assert truth != stormy.truth(centre.last_change)
    assert len(truth) + len(stormy.vanished(settled)) == len(centre)
