"""Every metric by name, and how each mart tells it: what the semantic layer has to agree with.

The names are those of the metrics' definitions; a metric that is missing here, in the marts or in the
semantic layer fails `test_metrics_agree`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

QUEUE_RATIOS = {
    "service_level": ("service_level_numerator", "service_level_denominator"),
    "service_level_excl_short_abandons": (
        "answered_in_sl", "answered_with_target + abandoned_with_target - short_abandoned_with_target",
    ),
    "service_level_incl_short_abandons": ("answered_in_sl", "answered_with_target + abandoned_with_target"),
    "service_level_offered": ("answered_in_sl", "offered_with_target"),
    "service_level_abandons_ignored": ("answered_in_sl", "answered_with_target + abandoned_after_target"),
    "service_level_abandons_positive": (
        "answered_in_sl + abandoned_in_sl",
        "answered_with_target + abandoned_with_target - short_abandoned_with_target",
    ),
    "service_level_answered_only": ("answered_in_sl", "answered_with_target"),
    "service_level_vendor": ("vendor_in_sla", "vendor_in_sla + vendor_not_in_sla"),
    "abandonment_rate": ("abandoned - short_abandoned", "offered - short_abandoned"),
    "abandonment_rate_gross": ("abandoned", "offered"),
    "abandonment_rate_vendor": ("abandoned - short_abandoned", "answered + abandoned - short_abandoned"),
    "short_abandonment_rate": ("short_abandoned", "offered"),
    "average_speed_of_answer": ("answered_wait_seconds", "answered"),
    "average_queue_time": ("wait_seconds", "offered"),
    "average_abandon_time": ("abandoned_wait_seconds", "abandoned"),
}  # fmt: skip
HANDLE_RATIOS = {
    "average_handle_time": ("handle_seconds", "handled_segments"),
    "average_handle_time_vendor": ("vendor_handle_seconds", "handled_segments"),
    "average_talk_time": ("talk_seconds", "handled_segments"),
    "average_hold_time": ("hold_seconds", "handled_segments"),
    "average_acw_time": ("acw_seconds", "handled_segments"),
    "average_hold_time_held": ("hold_seconds", "held_segments"),
    "hold_rate": ("held_segments", "handled_segments"),
    "short_call_rate": ("short_calls", "handled_segments"),
    "transfer_rate": ("transfers_out", "handled_segments"),
    "cold_transfer_rate": ("cold_transfers_out", "handled_segments"),
    "warm_transfer_rate": ("warm_transfers_out", "handled_segments"),
}
COMPLIANCE_RATIOS = {"interval_sl_compliance": ("intervals_on_target", "intervals_judged")}
AGREEMENT_RATIOS = {"agreement_rate": ("agreed", "offered")}
DEFLECTION_RATIOS = {
    "deflection_rate": ("deflected", "contacts"),
    "voicemail_rate": ("deflected_to_voicemail", "contacts"),
    "callback_request_rate": ("deflected_to_callback", "contacts"),
    "sent_elsewhere_rate": ("deflected_elsewhere", "contacts"),
    "callback_success_rate": ("successful_callbacks", "callbacks"),
    "scheduled_callback_success_rate": ("successful_scheduled_callbacks", "scheduled_callbacks"),
    "recovery_success_rate": ("successful_recovery_callbacks", "recovery_callbacks"),
}
MENU_RATIOS = {
    "ivr_abandonment_rate": ("menu_abandoned", "entered_menu"),
    "average_menu_time": ("menu_seconds", "entered_menu"),
}
REPEAT_RATIOS = {
    "repeat_contact_rate_7d": ("repeated_contacts", "contacts"),
    "first_contact_resolution_proxy": ("resolved_contacts", "served_contacts"),
}
MACHINE_RATIOS = {
    "va_containment_rate": ("contained", "sessions - in_progress"),
    "va_escalation_rate": ("escalated", "sessions - in_progress"),
    "va_deflected_escalation_rate": ("escalations_deflected", "escalated"),
    "average_session_time": ("session_seconds", "sessions"),
    "fallback_response_rate": ("fallback_responses", "responses"),
}
TRANSFER_RATIOS = {
    "transfer_completion_rate": ("completed", "attempts - in_progress"),
    "transfer_failure_rate": ("failed", "attempts - in_progress"),
    "average_transfer_wait_time": ("completed_wait_seconds", "completed"),
}
PER_CALL = ("average_handle_time_per_call", "calls_with_transfer_rate")
"""Of distinct calls: no parts of theirs add up."""

QUEUE_PARTS = (
    "offered", "answered", "answered_in_sl", "abandoned", "short_abandoned", "abandoned_in_sl",
    "abandoned_after_target", "ringing_abandoned", "flowed_out", "failed", "in_progress", "vendor_in_sla",
    "vendor_not_in_sla", "service_level_numerator", "service_level_denominator", "wait_seconds",
    "offered_with_target", "answered_with_target", "abandoned_with_target", "short_abandoned_with_target",
    "answered_wait_seconds", "abandoned_wait_seconds", "flowed_out_wait_seconds", "failed_wait_seconds",
)  # fmt: skip
LONGEST_WAITS = {
    f"longest_{which}wait": f"longest_{which}wait_seconds"
    for which in ("", "answered_", "abandoned_", "flowed_out_", "failed_")
}
PERCENTILES = [
    f"{which}wait_p{percent}_seconds"
    for which in ("", "answered_", "abandoned_")
    for percent in (50, 80, 90, 95)
]
HANDLE_PARTS = (
    "handled_segments", "held_segments", "short_calls", "transfers_out", "cold_transfers_out", "warm_transfers_out",
    "talk_seconds", "hold_seconds", "acw_seconds", "bcw_seconds", "ring_seconds", "handle_seconds",
    "vendor_handle_seconds",
)  # fmt: skip

DEFINED = {
    "service_level", "service_level_incl_short_abandons", "service_level_offered", "service_level_abandons_ignored",
    "service_level_abandons_positive", "service_level_answered_only", "service_level_vendor", "abandonment_rate",
    "abandonment_rate_gross", "abandonment_rate_vendor", "short_abandonment_rate", "average_speed_of_answer",
    "average_queue_time", "average_abandon_time", "longest_wait", "interval_sl_compliance",
    "average_handle_time", "average_handle_time_vendor", "average_handle_time_per_call", "average_talk_time",
    "average_hold_time", "average_acw_time", "average_hold_time_held", "hold_rate", "short_call_rate", "transfer_rate",
    "calls_with_transfer_rate", "agent_busy_seconds",
    "deflection_rate", "ivr_abandonment_rate", "callback_success_rate", "va_containment_rate", "va_escalation_rate",
    "repeat_contact_rate_7d", "first_contact_resolution_proxy",
}  # fmt: skip
"""The metrics that the definitions name."""


@dataclass(frozen=True)
class Comparison:
    """A mart at some grouping, and the same asked of the semantic layer.

    `keys` are SQL over the mart by the name MetricFlow groups by, `metrics` SQL over the mart by metric.
    `grouped` is false where the mart's own columns are meant, each row as it stands.
    """

    mart: str
    keys: dict[str, str]
    metrics: dict[str, str] = field(repr=False)
    where: str = "true"
    grouped: bool = True

    @property
    def query(self) -> str:
        """The mart's side: the keys, then the metrics."""
        columns = [*self.keys.values(), *self.metrics.values()]
        by = ", ".join(str(place + 1) for place in range(len(self.keys)))
        return (
            f"select {', '.join(columns)} from marts.{self.mart} where {self.where}"
            f"{f' group by {by}' if self.grouped and by else ''}"
        )

    def __str__(self) -> str:
        return f"{self.mart} by {', '.join(self.keys) or 'nothing'}"


def columns(*names: str, **renamed: str) -> dict[str, str]:
    """Metrics that are columns of the mart."""
    return {name: name for name in names} | renamed


def sums(*names: str, **renamed: str) -> dict[str, str]:
    """Metrics that are sums of the mart's columns."""
    return {metric: f"sum({column})" for metric, column in columns(*names, **renamed).items()}


def over_sums(ratios: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Ratios of sums of the mart's parts."""
    return {
        name: f"sum({above})::double / nullif(sum({below}), 0)" for name, (above, below) in ratios.items()
    }


DAY = {"metric_time__day": "cast(local_date as timestamp)"}
QUEUE = {"queue": "queue_id"}
KNOWN_QUEUE = {"queue": "nullif(queue_id, -1)"}
LEFT_QUEUE = {"queue": "nullif(from_queue_id, -1)"}
QUEUE_SUMS = (
    sums(*QUEUE_PARTS)
    | over_sums(QUEUE_RATIOS)
    | {name: f"max({column})" for name, column in LONGEST_WAITS.items()}
)
HANDLE_SUMS = sums(*HANDLE_PARTS) | over_sums(HANDLE_RATIOS)
HANDLE_COLUMNS = columns(*HANDLE_PARTS, *HANDLE_RATIOS, *PER_CALL, "handled_calls", "transferred_calls")
HALF_HOUR = {"interval__half_hour_start_at": "interval_start_at"}
HALF_HOURS_ONLY = "interval_minutes = 30"


def _cell(entity: str) -> dict[str, str]:
    return DAY | {f"{entity}__queue_name": "queue_name", f"{entity}__call_type": "call_type"}


def _queue_comparisons() -> list[Comparison]:
    kind = {"queue_segment__language": "language", "queue_segment__call_type": "call_type"}
    levels = [name for name in QUEUE_RATIOS if name.startswith("service_level")]
    rates = [name for name in QUEUE_RATIOS if name not in levels]
    parts = columns(*QUEUE_PARTS, **LONGEST_WAITS)
    return [
        Comparison("mart_service_level", HALF_HOUR | QUEUE | kind, columns(*levels), grouped=False),
        Comparison("mart_abandonment", HALF_HOUR | QUEUE | kind, columns(*rates), grouped=False),
        Comparison(
            "mart_queue_intervals", {"interval": "interval_start_at"} | QUEUE | kind,
            parts | columns(*QUEUE_RATIOS), "interval_minutes = 15", grouped=False,
        ),
        Comparison("mart_queue_days", DAY | QUEUE, parts | columns(*QUEUE_RATIOS), grouped=False),
        Comparison("mart_queue_days", DAY | {"queue_segment__queue_name": "queue_name"}, QUEUE_SUMS),
        Comparison("mart_queue_days", DAY, QUEUE_SUMS),
        Comparison("mart_queue_days", {"queue__queue_name": "queue_name"}, QUEUE_SUMS),
        Comparison("mart_queue_days", {}, QUEUE_SUMS),
        Comparison("mart_queue_intervals", kind, QUEUE_SUMS, HALF_HOURS_ONLY),
        Comparison("mart_queue_days", DAY | QUEUE, columns(*COMPLIANCE_RATIOS), grouped=False),
        Comparison("mart_queue_days", {}, over_sums(COMPLIANCE_RATIOS)),
        Comparison(
            "mart_service_level_reconciliation", DAY | QUEUE, columns(*AGREEMENT_RATIOS), grouped=False
        ),
        Comparison("mart_service_level_reconciliation", {}, over_sums(AGREEMENT_RATIOS)),
        *(
            Comparison(
                "mart_wait_percentiles", keys, columns(*PERCENTILES), f"percentiles_of = '{of}'", grouped=False
            )
            for of, keys in (("queue and day", DAY | QUEUE), ("queue", QUEUE), ("day", DAY), ("overall", {}))
        ),
    ]  # fmt: skip


def _handle_comparisons() -> list[Comparison]:
    direction = {"handled_segment__direction": "direction"}
    agent = {"agent": "agent_id"}
    busy = sums("agent_busy_seconds")
    return [
        Comparison("mart_agent_handle_time", DAY | agent | direction, HANDLE_COLUMNS, grouped=False),
        Comparison(
            "mart_queue_handle_time", HALF_HOUR | KNOWN_QUEUE | direction, HANDLE_COLUMNS, HALF_HOURS_ONLY,
            grouped=False,
        ),
        Comparison("mart_agent_handle_time", agent | direction, HANDLE_SUMS),
        Comparison("mart_agent_handle_time", DAY, HANDLE_SUMS),
        Comparison("mart_agent_handle_time", {}, HANDLE_SUMS),
        Comparison(
            "agg_agent_intervals",
            {"interval": "interval_start_at", "agent_interval__direction": "direction"} | agent,
            columns("agent_busy_seconds"), grouped=False,
        ),
        Comparison("agg_agent_intervals", DAY | agent, busy),
        Comparison("agg_agent_intervals", {}, busy),
    ]  # fmt: skip


def _call_comparisons() -> list[Comparison]:
    machine = {"virtual_agent": "virtual_agent_id"}
    sessions = sums(va_sessions="sessions", va_contained="contained", va_session_seconds="session_seconds")
    sessions |= sums(
        va_escalations_to_person="escalations_to_person", va_escalations_failed="escalations_failed"
    )
    marts = [
        ("mart_deflection_and_callbacks", _cell("contact_end"), DEFLECTION_RATIOS),
        ("mart_ivr", _cell("menu_visit"), MENU_RATIOS),
        ("mart_repeat_contacts", _cell("repeat_contact"), REPEAT_RATIOS),
        ("mart_virtual_agent", DAY | machine | KNOWN_QUEUE, MACHINE_RATIOS),
    ]
    return [
        *(Comparison(mart, keys, columns(*ratios), grouped=False) for mart, keys, ratios in marts),
        *(Comparison(mart, DAY, over_sums(ratios)) for mart, _, ratios in marts),
        *(Comparison(mart, {}, over_sums(ratios)) for mart, _, ratios in marts),
        Comparison("mart_virtual_agent", machine, sessions),
        Comparison(
            "mart_transfers",
            DAY | LEFT_QUEUE | {
                "transfer__kind": "kind", "agent": "nullif(from_agent_id, -1)",
                "transfer__to_agent_id": "nullif(to_agent_id, -1)",
                "transfer__to_queue_id": "nullif(to_queue_id, -1)",
            },
            columns(*TRANSFER_RATIOS), grouped=False,
        ),
        Comparison("mart_transfers", LEFT_QUEUE, over_sums(TRANSFER_RATIOS)),
    ]  # fmt: skip


COMPARISONS = [*_queue_comparisons(), *_handle_comparisons(), *_call_comparisons()]
