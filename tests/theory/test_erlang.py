"""The theory itself: published values, and formulas found in different ways that must agree."""

from __future__ import annotations

from math import exp, expm1, factorial, inf

import pytest

from tests.theory.erlang import ErlangA, ErlangC, agents_needed, erlang_b

QUEUES = [
    ErlangA(1, 0.5, 180, 60),
    ErlangA(5, 3.0, 300, 600),
    ErlangA(5, 9.0, 240, 120),
    ErlangA(50, 48.0, 60, 120),
    ErlangA(50, 48.0, 60, 6),
    ErlangA(400, 410.0, 300, 90),
]


@pytest.mark.parametrize(("agents", "load"), [(5, 1.361), (10, 4.461), (15, 8.108), (100, 84.06)])
def test_erlang_b_loses_one_in_a_hundred_as_in_the_tables_of_telephony(agents, load):
    assert erlang_b(agents, load) == pytest.approx(0.01, abs=1e-5)


def test_erlang_b_without_agents_or_calls():
    assert erlang_b(0, 3.0) == 1
    assert erlang_b(3, 0.0) == 0


def test_erlang_c_as_in_worked_examples():
    """100 calls of 180 s in half an hour for 14 agents; 360 of 240 s for 55."""
    small, large = ErlangC(14, 10, 180), ErlangC(55, 48, 240)
    assert [small.delay_probability, small.answered_within(20)] == pytest.approx([0.174, 0.888], abs=5e-4)
    assert [small.average_wait, large.average_wait] == pytest.approx([7.8, 8.2], abs=0.05)
    assert large.delay_probability == pytest.approx(0.239, abs=5e-4)


def test_one_agent_waits_as_mm1():
    assert ErlangC(1, 0.75, 60).delay_probability == pytest.approx(0.75)
    assert ErlangC(1, 0.75, 60).average_wait == pytest.approx(180)


def test_a_queue_without_enough_agents_grows_for_ever_unless_callers_hang_up():
    assert (ErlangC(3, 3, 60).average_wait, ErlangC(3, 3, 60).answered_within(1000)) == (inf, 0)
    assert ErlangA(3, 3, 60, 1e6).average_wait < 1e5


def test_erlang_a_as_in_garnett_mandelbaum_and_reiman():
    """48 calls a minute of a minute each, 50 agents, patience of two minutes: their comparison with Erlang C."""
    patient, impatient = ErlangC(50, 48, 60), ErlangA(50, 48, 60, 120)
    assert impatient.abandoned == pytest.approx(0.031, abs=5e-4)
    assert [patient.average_wait, impatient.average_wait] == pytest.approx([20.8, 3.7], abs=0.05)
    assert 48 * (1 - impatient.abandoned) / 50 == pytest.approx(0.93, abs=5e-3)
    # The ninetieth percentiles of the wait.
    assert patient.answered_within(58.1) == pytest.approx(0.9, abs=2e-3)
    assert impatient.answered_within(12.5) + impatient.abandoned_within(12.5) == pytest.approx(0.9, abs=2e-3)


def test_erlang_a_with_endless_patience_is_erlang_c():
    for agents, load in [(1, 0.5), (5, 3), (10, 9), (120, 110)]:
        patient, nearly = ErlangC(agents, load, 300), ErlangA(agents, load, 300, 1e9)
        assert measures(nearly) == pytest.approx(measures(patient), rel=1e-4)
        assert nearly.abandoned == pytest.approx(0, abs=1e-5)


def test_erlang_a_with_patience_as_long_as_calls_finds_a_poisson_number_of_callers():
    """Then every caller leaves at the same rate, served or not, as if there were agents without end."""
    agents, load = 6, 7.5
    queue = ErlangA(agents, load, 200, 200)
    poisson = [exp(-load) * load**number / factorial(number) for number in range(80)]
    assert queue.delay_probability == pytest.approx(sum(poisson[agents:]))
    waiting = sum((number - agents) * p for number, p in enumerate(poisson) if number > agents)
    assert queue.abandoned == pytest.approx(waiting / load)


@pytest.mark.parametrize("queue", QUEUES, ids=str)
def test_erlang_a_agrees_with_the_integral_over_the_wait(queue):
    """F. Baccelli, G. Hebuterne, "On queues with impatient customers" (1981): the density of the wait on offer."""
    theta, waits = 1 / queue.patience_seconds, offered_waits(queue)
    served = integral([(v, density * exp(-theta * v)) for v, density in waits])
    at_once = 1 - integral(waits)
    assert queue.delay_probability == pytest.approx(1 - at_once, rel=1e-6)
    assert 1 - queue.abandoned == pytest.approx(at_once + served, rel=1e-6)
    in_time = integral([(v, density * exp(-theta * v)) for v, density in offered_waits(queue, 20)])
    assert queue.answered_within(20) == pytest.approx(at_once + in_time, rel=1e-6)
    soon = integral([(v, -density * expm1(-theta * v)) for v, density in offered_waits(queue, 20)])
    later = (integral(waits) - integral(offered_waits(queue, 20))) * -expm1(-theta * 20)
    assert queue.abandoned_within(20) == pytest.approx(soon + later, rel=1e-6)
    waited = integral([(v, v * density * exp(-theta * v)) for v, density in waits])
    assert queue.average_speed_of_answer == pytest.approx(waited / (at_once + served), rel=1e-6)


@pytest.mark.parametrize("queue", QUEUES, ids=str)
def test_erlang_a_balances(queue):
    """Whoever comes is answered or hangs up; those who wait hang up at one rate."""
    for_ever = 100 * queue.patience_seconds
    assert queue.answered_within(for_ever) + queue.abandoned_within(for_ever) == pytest.approx(1)
    assert queue.abandoned_within(for_ever) == pytest.approx(queue.abandoned)
    assert queue.abandoned_within(0) == pytest.approx(0, abs=1e-12)
    assert queue.average_wait == pytest.approx(queue.abandoned * queue.patience_seconds)


def test_agents_needed_for_eighty_percent_in_twenty_seconds():
    loads = [(10, 180), (20, 240), (100, 300), (1000, 300)]
    assert [agents_needed(load, handle, 20, 80) for load, handle in loads] == [14, 25, 108, 1015]
    assert agents_needed(0.0, 180, 20, 80) == 1


def measures(queue: ErlangC | ErlangA) -> list[float]:
    return [
        queue.delay_probability,
        queue.answered_within(20),
        queue.average_wait,
        queue.average_speed_of_answer,
    ]


def offered_waits(queue: ErlangA, until: float = inf) -> list[tuple[float, float]]:
    """Points of the density, at v > 0, of the wait of a caller who would never hang up; up to `until` seconds."""
    rate, theta = queue.load / queue.handle_seconds, 1 / queue.patience_seconds

    def weight(v: float) -> float:
        return rate * exp(-rate / theta * expm1(-theta * v) - queue.agents / queue.handle_seconds * v)

    end = 1.0
    while weight(end) > 1e-16 * weight(0) or weight(end) > weight(end / 2):
        end *= 2
    points = [end * number / 4_000 for number in range(4_001)]
    total = 1 / erlang_b(queue.agents - 1, queue.load) + integral([(v, weight(v)) for v in points])
    if until < end:
        points = [until * number / 2_000 for number in range(2_001)]
    return [(v, weight(v) / total) for v in points]


def integral(points: list[tuple[float, float]]) -> float:
    """By Simpson's rule, over an even number of equal steps."""
    step = points[1][0] - points[0][0]
    values = [value for _, value in points]
    pairs = zip(values[::2], values[1::2], values[2::2], strict=False)
    return sum(a + 4 * b + c for a, b, c in pairs) * step / 3
