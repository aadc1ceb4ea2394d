"""The invented people of the centre: agents, supervisors, virtual agents, callers.

Numbers from a seed → fictional names, `example.com` addresses and `+1555…` phone numbers, so that nothing in a demo
looks like a real person's data.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from uuid import UUID

from simulator.centre.queues import QUEUES, Queue

_FIRST = (
    "Ada", "Bruno", "Celia", "Dario", "Edda", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Lev",
    "Mira", "Nils", "Oona", "Pavel", "Quinn", "Rosa", "Silas", "Tova", "Umar", "Vera", "Wanda", "Xenia",
    "Yusuf", "Zora",
)  # fmt: skip
_LAST = (
    "Abernoth", "Brightwell", "Castellmar", "Dunmorrow", "Elderfen", "Farrowby", "Glimmerstone", "Hartsong",
    "Ironwood", "Juniperlake", "Kestrelmoor", "Larkspurne", "Mossgrave", "Nightingdale", "Oakenshire",
    "Pebblebrook", "Quillfeather", "Ravenhollow", "Silverbirch", "Thistledown", "Umberfield", "Vinterholm",
    "Willowmere", "Yarrowcliff",
)  # fmt: skip

SUPERVISOR_SHARE = 12
"""Agents per supervisor. Supervisors listen in and take no calls themselves."""

_EXTRA_SHARE = 0.08

AgentNumber = str | int | None


@dataclass(frozen=True, slots=True, eq=False)
class Agent:
    """A person who takes calls. `agent_number` has the three types seen in the wild."""

    agent_id: int
    first_name: str
    last_name: str
    agent_number: AgentNumber
    team: str
    location_id: int
    queue_ids: tuple[int, ...]
    starts_hour: float
    days_off: tuple[int, ...]
    is_supervisor: bool = False

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def email(self) -> str:
        return f"{self.first_name}.{self.last_name}@example.com".lower()

    @property
    def avatar_url(self) -> str:
        return f"https://avatar.example.com/user/avatar/{self.agent_id}/avatar.png"


@dataclass(frozen=True, slots=True)
class VirtualAgent:
    """A virtual agent in front of a queue."""

    virtual_agent_id: int
    name: str
    alias: str | None

    @property
    def avatar_url(self) -> str:
        return f"https://avatar.example.com/virtual_agent/avatar/{self.virtual_agent_id}/avatar.png"


VIRTUAL_AGENTS: dict[str, VirtualAgent] = {
    "en": VirtualAgent(6, "first_line_en", None),
    "es": VirtualAgent(7, "first_line_es", "Recepción"),
}
"""The virtual agent of a language."""

PAYMENT_AGENT = VirtualAgent(15, "take_a_payment", None)
"""A task virtual agent, which joins a conversation to take a payment, so that no agent hears the card number."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A caller, who has the same ids in every call."""

    customer_id: int

    @property
    def identifier(self) -> str:
        return str(UUID(int=self.customer_id * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128), version=4))

    @property
    def contact_id(self) -> str:
        return f"003ak{self.customer_id:010d}AAE"

    @property
    def phone(self) -> str:
        return f"+1555{self.customer_id % 10_000_000:07d}"


def hire(seed: int, count: int) -> tuple[list[Agent], list[Agent]]:
    """Agents and supervisors, who together cover every queue. The same seed and count give the same people.

    Main queues are assigned by share. Everybody also speaks English and helps there.
    """
    rng = Random(f"{seed}:agents")
    mains = _main_queues(count)
    agents = [_agent(rng, number, mains[number]) for number in range(count)]
    helpers = max(1, count // SUPERVISOR_SHARE)
    supervisors = [_agent(rng, count + number, None) for number in range(helpers)]
    return agents, supervisors


def _main_queues(count: int) -> list[Queue]:
    """A main queue for each agent, chosen as the queue furthest below its share.

    The share is the queue's work plus a constant, because small languages would otherwise have no agents.
    """
    work = {queue: queue.share * queue.talk_seconds for queue in QUEUES}
    total = sum(work.values())
    shares = {queue: (seconds + _EXTRA_SHARE * total) for queue, seconds in work.items()}
    total = sum(shares.values())
    given = dict.fromkeys(QUEUES, 0)
    order = []
    for number in range(1, count + 1):
        queue = max(QUEUES, key=lambda q: shares[q] / total * number - given[q])
        given[queue] += 1
        order.append(queue)
    return order


def _agent(rng: Random, number: int, main: Queue | None) -> Agent:
    agent_id = 201 + number
    own: list[int] = []
    if main is not None:
        same = [q.queue_id for q in QUEUES if q.language == main.language and q is not main]
        english = [q.queue_id for q in QUEUES if q.language == "en" and q is not main]
        own = [main.queue_id, *rng.sample(same, min(2, len(same)))]
        helps = 2 if main.language == "en" else 1
        own += [queue_id for queue_id in rng.sample(english, helps) if queue_id not in own]
    digits = 7000 + number
    return Agent(
        agent_id=agent_id,
        first_name=_FIRST[number % len(_FIRST)],
        last_name=_LAST[number * 7 % len(_LAST)],
        agent_number=(str(digits), digits, None)[number % 3],
        team=main.names[0] if main else "Supervisors",
        location_id=1 + number % 3,
        queue_ids=tuple(own),
        starts_hour=rng.choice((7.75, 7.75, 8.5, 9, 9.5, 10, 11, 12, 12)),
        days_off=rng.choice(((5, 6), (5, 6), (5, 6), (6, 0), (4, 5), (2, 6), (3, 5), (1, 6))),
        is_supervisor=main is None,
    )
