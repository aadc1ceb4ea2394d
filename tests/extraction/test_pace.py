"""What would be refused, or never sent again, if requests were not spaced. Threads, real and short time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ccaip import pace as module
from pipelines.ccaip.pace import Pace


class Time:
    """A clock that moves when somebody sleeps on it: to the moment asked for, or a little past it."""

    def __init__(self, lateness: Callable[[], float] = lambda: 0.0) -> None:
        self.now = 1_000.0
        self._lateness = lateness

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self._lateness()


@contextmanager
def simulated(clock: Time) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
        yield


@contextmanager
def workers(pace: Pace, count: int) -> Iterator[list[float]]:
    """Threads that send as fast as the pace lets them, for the time of the block; when each request went."""
    sent: list[float] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            send(pace)
            sent.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield sent
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def send(pace: Pace) -> None:
    """Wait for the next turn; the request is sent at once."""
    with pace.request():
        pass


def busiest_second(sent: list[float]) -> int:
    return max(sum(first <= at < first + 1 for at in sent) for first in sent)


events = st.lists(
    st.one_of(
        st.just("send"),
        st.tuples(st.just("idle"), st.floats(0, 20)),
        st.tuples(st.just("429"), st.one_of(st.none(), st.floats(0, 30))),
    ),
    max_size=120,
)


@given(events=events, late=st.lists(st.floats(0, 0.3), max_size=40), limit=st.integers(1, 50))
def test_no_second_has_more_requests_than_the_limit_and_no_hold_has_any(events, late, limit):
    clock = Time(lambda: late.pop() if late else 0.0)
    sent: list[float] = []
    holds: list[tuple[float, float]] = []
    with simulated(clock):
        pace = Pace(limit)
        for event in events:
            match event:
                case "send":
                    send(pace)
                    sent.append(clock.now)
                case "idle", seconds:
                    clock.now += seconds
                case _, seconds:
                    pace.slow_down(seconds)
                    holds.append((clock.now, clock.now + (seconds or 0.0)))
    assert not sent or busiest_second(sent) <= limit
    assert not [at for at in sent for begun, over in holds if begun < at < over]


def test_workers_that_start_together_do_not_begin_with_a_burst():
    with workers(Pace(50), 8) as sent:
        time.sleep(0.4)
    assert min(later - earlier for earlier, later in pairwise(sorted(sent))) > 0.01
    assert len(sent) >= 10


def test_a_worker_that_already_waits_for_its_moment_is_held_by_a_429_to_another():
    pace = Pace(20)
    with workers(pace, 6) as sent:
        time.sleep(0.12)
        said_at = time.monotonic()
        pace.slow_down(0.5)
        time.sleep(0.7)
    after = [at for at in sent if at > said_at + 0.005]  # what had passed the pace that very moment
    assert after
    assert min(after) >= said_at + 0.5


def test_a_429_halves_the_pace_once_however_many_requests_it_met_and_seconds_bring_it_back():
    clock = Time()
    with simulated(clock):
        pace = Pace(10)
        for _ in range(6):  # six workers were on their way
            pace.slow_down(2)
            clock.now += 0.01
        sent = []
        while clock.now < 1_020:
            send(pace)
            sent.append(clock.now - 1_002.05)
    assert min(sent) == pytest.approx(0)
    first = sum(at < 1 for at in sent)
    assert 5 <= first <= 6, "half of ten, and a tenth more within the second"
    a_second_each = [sum(second <= at < second + 1 for at in sent) for second in range(12)]
    assert a_second_each[:6] == sorted(a_second_each[:6]), "faster by and by"
    assert min(a_second_each[6:]) >= 9, "as fast as before"


def test_429s_without_end_make_the_pace_slow_and_never_stop_it():
    clock = Time()
    with simulated(clock):
        pace = Pace(10)
        for _ in range(50):
            send(pace)
            pace.slow_down(None)
        begun = clock.now
        for _ in range(5):
            send(pace)
        assert clock.now - begun < 10


def test_a_pause_that_was_asked_for_is_not_cut_short_by_a_429_that_asks_for_none():
    clock = Time()
    with simulated(clock):
        pace = Pace(10)
        pace.slow_down(5)
        pace.slow_down(None)
        send(pace)
    assert clock.now >= 1_005


def test_connections_that_open_slowly_do_not_bring_eleven_requests_into_one_second():
    """The server counts when a request arrives, not when its thread was let go."""
    clock = Time()
    sent: list[float] = []
    with simulated(clock):
        pace = Pace(10)
        for number in range(60):
            with pace.request() as sending:
                clock.now += 0.09 if number % 20 == 5 else 0.0  # a handshake
                sending.sent()
                sent.append(clock.now)
                clock.now += 0.02  # the answer
    assert busiest_second(sent) <= 10


def test_a_request_that_is_not_sent_yet_holds_back_the_one_that_could_share_its_second():
    pace = Pace(1)
    began = threading.Event()
    sent: list[float] = []

    def connect_slowly() -> None:
        with pace.request() as sending:
            began.set()
            time.sleep(0.3)
            sending.sent()
            sent.append(time.monotonic())

    thread = threading.Thread(target=connect_slowly)
    thread.start()
    began.wait(5)
    send(pace)
    assert time.monotonic() >= sent[0] + 1
    thread.join()


def test_late_threads_cost_less_than_two_percent_of_the_pace():
    late = [0.004, 0.0, 0.002, 0.001, 0.003]
    clock = Time(lambda: late[int(clock.now * 1000) % 5])
    with simulated(clock):
        pace = Pace(10)
        send(pace)
        begun = clock.now
        for _ in range(1000):
            send(pace)
    assert 1000 / (clock.now - begun) > 9.8
