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
    linked: tuple[str, ...] = ()
    """Panels that the page does not show and links to."""

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
    Page(
        "/service-level",
        "service_level",
        "Service level",
        "When and where do callers wait longer than promised?",
        ("sl_heatmap", "sl_queue_days", "sl_formulas", "sl_waits", "sl_staffing"),
        days=14,
        linked=("segments",),
    ),
    Page(
        "/waits",
        "waits",
        "Abandonment and waits",
        "Who gives up, after how long, and where do they go?",
        (
            "waits_numbers",
            "waits_weekday_hour",
            "waits_percentiles",
            "waits_patience",
            "waits_abandoned",
            "waits_elsewhere",
            "waits_callbacks",
        ),
        days=14,
    ),
    Page(
        "/handle-time",
        "handle_time",
        "Handle time and agents",
        "How long do contacts take, and what are they made of?",
        ("handle_numbers", "handle_queues", "handle_weeks", "handle_agents", "handle_distribution"),
        days=14,
        filters=("queue", "direction", "compare"),
    ),
    Page(
        "/trust",
        "trust",
        "Can I trust it?",
        "Is everything here, is it final, and does the vendor agree?",
        (
            "trust_numbers",
            "trust_calendar",
            "trust_final",
            "trust_agreement",
            "trust_restatements",
            "trust_vendor_report",
            "trust_unfinished",
        ),
        days=14,
        filters=("queue",),
    ),
)
