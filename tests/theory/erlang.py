"""Erlang B, C and A: what queueing theory says of one queue, in plain Python.

First come first served; calls arrive by a Poisson process, `agents` identical agents take exponential handle
times. In Erlang C (M/M/n) callers wait for ever; in Erlang A (M/M/n+M, Palm's queue) each hangs up after an
exponential patience. `load` is in erlangs: arrival rate × mean handle time. Times are seconds, results those of
the steady state, as shares of all calls that arrive unless said otherwise.

Where the formulas are published; the code is our own:

- Erlang B by its recursion over the number of agents, and C from B: R. B. Cooper, "Introduction to Queueing
  Theory", 2nd edition, 1981, chapter 3.
- Erlang A as a birth-and-death process: C. Palm, "Research on telephone traffic carried by full availability
  groups", Tele 1 (1957); O. Garnett, A. Mandelbaum, M. Reiman, "Designing a call center with impatient
  customers", Manufacturing & Service Operations Management 4 (2002), 208-227.
- The wait of somebody who would never hang up, and found k callers waiting, is a sum of k + 1 independent
  exponential times of rates that rise by the rate of hanging up. So e to the minus (that rate × the wait) has a
  beta distribution (order statistics: W. Feller, "An Introduction to Probability Theory and Its Applications",
  volume II, section I.6), whose tails are sums of positive terms, each made from the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, count
from math import exp, expm1, inf

_NEGLIGIBLE = 1e-17


def erlang_b(agents: int, load: float) -> float:
    """Share of calls lost where nobody can wait."""
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


@dataclass(frozen=True)
class ErlangC:
    """M/M/n. With `load >= agents` the queue grows for ever, and nobody who arrives late is answered in time."""

    agents: int
    load: float
    handle_seconds: float

    @property
    def delay_probability(self) -> float:
        """Share of calls that wait at all."""
        if self.load >= self.agents:
            return 1.0
        blocked = erlang_b(self.agents, self.load)
        return blocked / (1 - self.load / self.agents * (1 - blocked))

    def answered_within(self, seconds: float) -> float:
        """Share of calls answered after a wait of at most `seconds`."""
        if self.load >= self.agents:
            return 0.0
        return 1 - self.delay_probability * exp((self.load - self.agents) * seconds / self.handle_seconds)

    def abandoned_within(self, seconds: float) -> float:
        """None, however long the wait."""
        return 0.0

    @property
    def average_wait(self) -> float:
        """Seconds, over all calls."""
        if self.load >= self.agents:
            return inf
        return self.delay_probability * self.handle_seconds / (self.agents - self.load)

    @property
    def average_speed_of_answer(self) -> float:
        """Seconds, over answered calls: all of them."""
        return self.average_wait


@dataclass(frozen=True)
class ErlangA:
    """M/M/n+M, in a steady state at any load."""

    agents: int
    load: float
    handle_seconds: float
    patience_seconds: float

    @cached_property
    def ahead(self) -> tuple[float, ...]:
        """For k = 0, 1, … the probability that a call finds every agent busy and k callers waiting."""
        weights, rise = [1.0], inf  # relative to "every agent busy, nobody waits"
        while rise >= 1 or weights[-1] > _NEGLIGIBLE * max(weights):
            rise = self.load / (self.agents + len(weights) * self.handle_seconds / self.patience_seconds)
            weights.append(weights[-1] * rise)
        blocked = erlang_b(self.agents, self.load)  # that state's share if nobody could wait
        total = 1 + blocked * (sum(weights) - 1)
        return tuple(blocked * weight / total for weight in weights)

    @property
    def delay_probability(self) -> float:
        """Share of calls that wait at all."""
        return sum(self.ahead)

    def answered_within(self, seconds: float) -> float:
        """Share of calls answered after a wait of at most `seconds`."""
        late = self._tails(self._steps + 1, seconds)
        waited = sum(
            p * self._stays(k) * (1 - tail) for (k, p), tail in zip(self._found(), late, strict=False)
        )
        return 1 - self.delay_probability + waited

    def abandoned_within(self, seconds: float) -> float:
        """Share of calls hung up after a wait of at most `seconds`."""
        late, still = self._tails(self._steps + 1, seconds), self._tails(self._steps, seconds)
        patient = exp(-seconds / self.patience_seconds)
        return sum(
            p * (1 - self._stays(k) * (1 - answered_late) - patient * waiting)
            for (k, p), answered_late, waiting in zip(self._found(), late, still, strict=False)
        )

    @property
    def abandoned(self) -> float:
        """Share of calls hung up."""
        return sum(p * (1 - self._stays(k)) for k, p in self._found())

    @property
    def average_wait(self) -> float:
        """Seconds, over all calls, answered or not: by Little's law."""
        waiting = sum(k * p for k, p in self._found())
        return waiting * self.handle_seconds / self.load

    @property
    def average_speed_of_answer(self) -> float:
        """Seconds, over answered calls."""
        steps = accumulate(1 / (self._steps + number) for number in count(1))
        waits = sum(p * self._stays(k) * step for (k, p), step in zip(self._found(), steps, strict=False))
        return self.patience_seconds * waits / (1 - self.abandoned)

    @property
    def _steps(self) -> float:
        """How many calls all agents finish in the time in which one caller hangs up, on average."""
        return self.agents * self.patience_seconds / self.handle_seconds

    def _found(self) -> Iterator[tuple[int, float]]:
        return enumerate(self.ahead)

    def _stays(self, k: int) -> float:
        """Whether a caller with k others ahead is answered: he outlasts k + 1 steps."""
        return self._steps / (self._steps + k + 1)

    def _tails(self, steps: float, seconds: float) -> Iterator[float]:
        """For k = 0, 1, … the distribution function of Beta(steps, k + 1) at e to the -seconds / patience."""
        short = seconds / self.patience_seconds
        term, total = exp(-steps * short), 0.0
        for number in count():
            total += term
            yield min(1.0, total)
            term *= -expm1(-short) * (steps + number) / (number + 1)


def agents_needed(load: float, handle_seconds: float, target_seconds: float, target_percent: float) -> int:
    """The fewest agents with whom Erlang C keeps the target."""
    for agents in count(int(load) + 1):
        if ErlangC(agents, load, handle_seconds).answered_within(target_seconds) * 100 >= target_percent:
            return agents
    raise AssertionError
