"""Which panels a page shows, and over how many days when the URL gives no dates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page: its path, its template, the panels whose rows the template gets, and the filters its panels take."""

    path: str
    name: str
    title: str
    question: str
    panels: tuple[str, ...]
    days: int
    filters: tuple[str, ...] = ("queue", "language", "call_type")

    @property
    def template(self) -> str:
        return f"{self.name}.html"


PAGES = (
    Page(
        "/",
        "today",
        "Today",
        "How is the day going, and which queue needs attention?",
        ("today_numbers", "today_half_hours", "today_queues", "queue_trend"),
        days=1,
        filters=("queue", "language", "call_type", "compare"),
    ),
)
