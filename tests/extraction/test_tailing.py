"""What would be lost if a window were not read completely."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ccaip.client import Client
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.privacy.policy import KEEP_ALL, PrivacyFilter
from pipelines.ccaip.reader import Reader
from pipelines.ccaip.tail import Tail, tail
from pipelines.ccaip.windows import Cursor, Window, plan, tail_windows, whole_second
from pipelines.errors import ApiError
from simulator.platform import Clock, Credentials, Platform
from tests.extraction.conftest import TOKEN, USER, settings_for
from tests.extraction.living import START, LivingCalls, a_call, seconds, stamp
from tests.shared import examples


class MovingClient(Client):
    """A client under whose hands time passes: after each answer the platform's clock moves."""

    def __init__(self, platform: Platform, home, per_page: int, steps: list[int]) -> None:
        super().__init__(**settings_for(platform, home).api, per_page=per_page)
        self._platform = platform
        self._steps = steps

    def calls_since(self, since: datetime, *, by="updated_at", page: int = 1):
        answer = super().calls_since(since, by=by, page=page)
        if self._steps:
            self._platform.clock.advance(seconds(self._steps.pop()))
        return answer


def _read(pages, into: dict[int, dict]) -> None:
    for page in pages:
        for call in page:
            body = json.loads(call.body)
            into[body["id"]] = body


def _tail_to_the_end(client: Client, platform: Platform, end: datetime) -> dict[int, dict]:
    """Load after load, as a scheduler would, until the clock stands at `end` and all has settled."""
    read: dict[int, dict] = {}
    cursor: Cursor | None = None
    for moment in (None, end, end + timedelta(hours=1)):
        if moment is not None:
            platform.clock.set(max(moment, platform.clock.now()))
        seen = cursor.last_change if cursor else None
        for window in tail_windows(cursor, START - timedelta(hours=1), client.server_now(), 5, 60):
            for page in tail(client, window):
                _read([page], read)
                if window.why == "tail":
                    seen = max(call.updated_at for call in page)
            if window.why == "tail":
                cursor = Cursor(window.until, seen)
    return read


changes = st.lists(
    st.tuples(st.integers(1, 25), st.integers(0, 90)), min_size=1, max_size=80
)  # (call, second at which it changes): many calls, few seconds, so that seconds are shared


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=changes, per_page=st.integers(1, 7), steps=st.lists(st.integers(0, 9), max_size=40))
def test_whatever_moves_while_it_is_read_the_union_of_all_windows_is_the_truth(
    home, changes, per_page, steps
):
    calls = LivingCalls()
    for number, (call_id, second) in enumerate(changes):
        calls.put(START + seconds(second), a_call(call_id, rating=number % 5))
    end = START + seconds(200)
    platform = Platform(
        calls,
        clock=Clock.frozen(START + seconds(30)),
        credentials=Credentials(USER, TOKEN),
        requests_per_second=0,
    )
    with platform, MovingClient(platform, home, per_page, steps) as client:
        read = _tail_to_the_end(client, platform, end)
    assert read == calls.truth(end)


def test_a_second_shared_by_more_calls_than_a_page_holds_loses_none(home, serve):
    calls = LivingCalls()
    for call_id in range(1, 261):
        calls.put(START, a_call(call_id))
    calls.put(START + seconds(1), a_call(999))
    platform = serve(calls)
    platform.clock.set(START + seconds(60))
    read: dict[int, dict] = {}
    with Client(**settings_for(platform, home).api) as client:
        _read(tail(client, Window(START, START + seconds(30))), read)
    assert set(read) == {*range(1, 261), 999}


def test_calls_on_both_edges_of_a_window_are_read(home, serve):
    calls = LivingCalls()
    for call_id, second in enumerate((-1, 0, 10, 11)):
        calls.put(START + seconds(second), a_call(call_id))
    platform = serve(calls)
    platform.clock.set(START + seconds(60))
    read: dict[int, dict] = {}
    with Client(**settings_for(platform, home).api) as client:
        _read(tail(client, Window(START, START + seconds(10))), read)
    assert set(read) == {1, 2}


def test_a_call_with_an_unreadable_change_time_is_not_passed_over(home, serve):
    calls = LivingCalls()
    calls.put(START, a_call(1, updated_at="yesterday"))
    calls.put(START, a_call(2))
    platform = serve(calls)
    platform.clock.set(START + seconds(60))
    with Client(**settings_for(platform, home).api) as client:
        pages = list(tail(client, Window(START, START + seconds(10))))
    read = [call.id for page in pages for call in page]
    assert sorted(read) == ["1", "2"]


def read_through(home, platform: Platform, until: datetime, *, wary: bool = False) -> list[str]:
    """The ids that a tail from START brings, each once, in any order."""
    platform.clock.set(START + timedelta(days=400))
    with Client(**settings_for(platform, home).api) as client:
        pages = list(Tail(client, START, until, wary=wary).pages())
    return sorted({call.key for page in pages for call in page})


@pytest.mark.parametrize(
    "said", ["2016-01-01T00:00:00Z", "2026-03-02T23:00:00Z", "2199-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
@pytest.mark.parametrize("place", [0, 40, 99])
def test_a_call_that_says_another_time_than_its_own_costs_no_other_call(said, place, home, serve):
    """At 99 it is the last of its page, and what it says would be where reading goes on."""
    calls = LivingCalls()
    for call_id in range(250):
        calls.put(
            START + seconds(call_id), a_call(call_id, **({"updated_at": said} if call_id == place else {}))
        )
    read = read_through(home, serve(calls), START + timedelta(days=1))
    assert set(map(str, range(250))) - {str(place)} <= set(read)


def test_a_call_that_is_only_a_little_ahead_of_its_page_costs_no_other_call_when_it_is_read_again(
    home, serve
):
    """The first reading comes short by the API's count, the second believes no page's last call."""
    calls = LivingCalls()
    for call_id in range(250):
        ahead = {"updated_at": stamp(START + seconds(150))} if call_id == 99 else {}
        calls.put(START + seconds(call_id), a_call(call_id, **ahead))
    platform = serve(calls)
    assert len(read_through(home, platform, START + timedelta(days=1))) < 250
    assert len(read_through(home, platform, START + timedelta(days=1), wary=True)) == 250
    platform.clock.set(START + timedelta(hours=1))
    window = Window(START, START + timedelta(minutes=30))
    with (
        Client(**settings_for(platform, home).api) as client,
        Reader(client, [window], privacy=PrivacyFilter(KEEP_ALL)) as reader,
    ):
        (package,) = reader.packages()
    assert len(package.reads[0].keys) == 250


def test_a_page_on_which_no_time_can_be_read_is_passed(home, serve):
    calls = LivingCalls()
    for call_id in range(350):
        odd = {"updated_at": None} if 60 <= call_id < 260 else {}
        calls.put(START + seconds(call_id), a_call(call_id, **odd))
    read = read_through(home, serve(calls), START + timedelta(days=1))
    assert read == sorted(map(str, range(350)))


def test_an_api_that_shows_the_same_unreadable_page_for_ever_ends_the_load(home, serve):
    class Stuck(Client):
        def calls_since(self, since: datetime, *, by="updated_at", page: int = 1):
            return super().calls_since(since, by=by)

    calls = LivingCalls()
    for call_id in range(150):
        calls.put(START + seconds(call_id), a_call(call_id, updated_at="yesterday"))
    platform = serve(calls)
    platform.clock.set(START + timedelta(hours=1))
    with (
        Stuck(**settings_for(platform, home).api) as client,
        pytest.raises(ApiError, match="lack a readable updated_at"),
    ):
        list(tail(client, Window(START, START + seconds(900))))


@given(
    counts=st.dictionaries(st.integers(0, 5_000), st.integers(1, 400), max_size=30),
    most=st.integers(50, 2_000),
    length=st.integers(1, 5_000),
)
def test_planned_windows_cover_every_second_and_none_is_larger_than_it_must_be(counts, most, length):
    def count(since: datetime, until: datetime) -> int:
        return sum(n for second, n in counts.items() if since <= START + seconds(second) <= until)

    whole = Window(START, START + seconds(length))
    windows = list(plan(whole, count, most))
    assert windows[0].since == whole.since
    assert windows[-1].until == whole.until
    assert all(earlier.until == later.since for earlier, later in pairwise(windows))
    assert all(each.expected <= most or each.until - each.since <= seconds(1) for each in windows)


def test_a_cursor_moves_over_empty_time_but_never_past_what_has_settled():
    now = START + timedelta(hours=2, microseconds=5)
    tail_, _ = tail_windows(Cursor(START, START), START, now, settle_seconds=60, overlap_seconds=0)
    assert (tail_.since, tail_.until) == (START, whole_second(now) - timedelta(minutes=1))
    assert tail_windows(Cursor(tail_.until), START, now, settle_seconds=60, overlap_seconds=0) == []


@pytest.mark.parametrize("cursor", [None, Cursor(START + timedelta(minutes=5))])
def test_the_overlap_never_reaches_before_the_start(cursor):
    now = START + timedelta(hours=1)
    windows = tail_windows(cursor, START, now, settle_seconds=60, overlap_seconds=3_600)
    assert min(window.since for window in windows) == START


def test_a_server_clock_that_was_hours_ahead_leaves_no_stretch_unread():
    ahead, seen = START + timedelta(hours=9), START + timedelta(hours=1)
    for now in (
        START + timedelta(hours=2),
        START + timedelta(hours=12),
    ):  # still behind the cursor, and past it
        windows = tail_windows(Cursor(ahead, seen), START, now, settle_seconds=60, overlap_seconds=600)
        *read, future = windows
        assert read[0].since == seen - timedelta(minutes=10)
        assert all(earlier.until == later.since for earlier, later in pairwise(read))
        assert read[-1].until == now - timedelta(minutes=1)
        assert read[-1].why == "tail"  # moves the cursor, back if need be
        assert future.why == "future"


def test_a_call_dated_in_the_future_is_asked_for_by_the_very_next_load():
    now = START + timedelta(hours=1)
    *_, future = tail_windows(None, START, now, settle_seconds=60, overlap_seconds=600)
    assert future.since == now + timedelta(hours=1)  # nearer ones will have passed by the next load
    assert future.until.year == 9999


def test_an_answer_out_of_order_stops_the_load_instead_of_losing_calls(home, serve):
    class Shuffled(Client):
        def calls_since(self, since: datetime, *, by="updated_at", page: int = 1):
            answer = super().calls_since(since, by=by, page=page)
            answer.calls.reverse()
            return answer

    calls = LivingCalls()
    for call_id in range(3):
        calls.put(START + seconds(call_id), a_call(call_id))
    platform = serve(calls)
    platform.clock.set(START + seconds(60))
    with (
        Shuffled(**settings_for(platform, home).api) as client,
        pytest.raises(Exception, match="not sorted by updated_at"),
    ):
        list(tail(client, Window(START, START + seconds(30))))


def test_a_fetched_call_keeps_its_bytes_as_they_came(home, serve):
    calls = LivingCalls()
    calls.put(START, a_call(7, custom_data_secured={"b": 1, "a": [1.50, "ü"]}))
    platform = serve(calls)
    with Client(**settings_for(platform, home).api) as client:
        (call,) = client.calls_since(START).calls
    assert isinstance(call, FetchedCall)
    assert json.loads(call.body) == calls.truth(START)[7]
