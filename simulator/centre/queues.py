"""The centre's queues: what callers can choose, opening hours, and targets.

Settings only → `QUEUES`. A queue is a leaf of the menu tree; its id is the API's `menu_path_id`.
The menu item that a caller picks to get there has another id (`selected_menu_id`), as in real
payloads, so that a join on the wrong one is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OpenHours = tuple[int, int] | None
"""Opening and closing hour on the local clock, half-open; None: closed all day."""

TARGET_CHANGE_DAYS = 7
"""Days after the centre's start from which queues use their `later_target`: rows must keep the target of
their time."""


@dataclass(frozen=True, slots=True)
class Target:
    """A queue's target: `percent` of callers answered within `seconds`."""

    seconds: int
    percent: int
    abandon_threshold_seconds: int


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue.

    `share` is its part of the callers (any scale), `capacity` how many may wait, per 1,000 calls a
    day, before callers are offered another way. `talk_seconds` is the median conversation.
    """

    queue_id: int
    names: tuple[str, ...]
    ids: tuple[int, ...]
    language: str
    target: Target
    share: float
    talk_seconds: int = 210
    patience_seconds: int = 240
    capacity: int = 2
    virtual_agent_share: float = 0.0
    later_target: Target | None = None
    weekday_hours: OpenHours = (8, 20)
    saturday_hours: OpenHours = (9, 17)
    sunday_hours: OpenHours = (10, 16)
    path: str = field(init=False)
    id_path: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", "/".join(self.names))
        object.__setattr__(self, "id_path", "/".join(map(str, self.ids)))

    @property
    def selected_menu_id(self) -> int:
        """Id of the menu item that leads here: never the queue's own."""
        return self.queue_id + 400

    def hours(self, weekday: int) -> OpenHours:
        """Opening hours of a local weekday, Monday = 0."""
        return (self.weekday_hours, self.saturday_hours, self.sunday_hours)[max(0, weekday - 4)]


QUEUES: tuple[Queue, ...] = (
    Queue(11, ("Personal", "Billing"), (1, 11), "en", Target(60, 90, 10), 16, virtual_agent_share=0.25),
    Queue(12, ("Personal", "Orders and Delivery"), (1, 12), "en", Target(30, 80, 5), 22,
          talk_seconds=170, virtual_agent_share=0.35, later_target=Target(20, 80, 5)),
    Queue(13, ("Personal", "Technical Support"), (1, 13), "en", Target(120, 80, 10), 17,
          talk_seconds=330, patience_seconds=330),
    Queue(14, ("Personal", "Returns"), (1, 14), "en", Target(60, 80, 8), 9, talk_seconds=150),
    Queue(21, ("Business", "Accounts"), (2, 21), "en", Target(20, 90, 5), 8, sunday_hours=None),
    Queue(22, ("Business", "Technical Support"), (2, 22), "en", Target(30, 95, 5), 6,
          talk_seconds=380, sunday_hours=None),
    Queue(31, ("Español", "Facturación"), (3, 31), "es", Target(60, 80, 10), 6, virtual_agent_share=0.2),
    Queue(32, ("Español", "Soporte"), (3, 32), "es", Target(90, 80, 10), 5, talk_seconds=300),
    Queue(41, ("Français", "Service client"), (4, 41), "fr", Target(60, 85, 8), 5),
    Queue(51, ("Deutsch", "Kundendienst"), (5, 51), "de", Target(90, 75, 12), 3,
          saturday_hours=None, sunday_hours=None),
    Queue(61, ("Specialists", "Retention"), (6, 61), "en", Target(40, 85, 5), 2, talk_seconds=420),
    Queue(62, ("Specialists", "Payments", "Fraud"), (6, 7, 62), "en", Target(15, 95, 5), 1.5,
          talk_seconds=360),
)  # fmt: skip
"""Twelve queues in four languages. Most calls reach the specialists by transfer."""

BY_ID: dict[int, Queue] = {queue.queue_id: queue for queue in QUEUES}

TRANSFER_TARGETS: dict[str, tuple[int, ...]] = {
    "en": (61, 62, 13, 11, 22),
    "es": (31, 32, 61),
    "fr": (41, 62),
    "de": (51, 61),
}
"""Where agents transfer to, by the caller's language."""
