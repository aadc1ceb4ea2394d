"""What the tests of the marts expect by name: a fault for each guard, and the public marts' columns."""

from __future__ import annotations

FAULTS = {
    "primary_key_fct_queue_segments_queue_segment_id":
        "insert into marts.fct_queue_segments from marts.fct_queue_segments where call_id = 1418",
    "fct_queue_segments_flags_agree_with_outcome":
        "update marts.fct_queue_segments set outcome = 'abandoned' where call_id = 1",
    "relationships_fct_transfers_call_id__call_id__ref_fct_calls_":
        "delete from marts.fct_calls where call_id = 1418",
    "fct_handled_segments_seconds_add_up":
        "update marts.fct_handled_segments set handle_seconds = handle_seconds + 1 where call_id = 1",
    "agg_queue_intervals_equals_fact": "delete from marts.agg_queue_intervals where queue_id = 4",
    "parts_sum_to_mart_service_level_answered__abandoned__flowed_out__failed__offered":
        "update marts.mart_service_level set offered = offered + 1 where queue_id = 21",
    "mart_service_level_ratios_are_shares":
        "update marts.mart_service_level set service_level_vendor = 'nan' where queue_id = 21",
    "mart_service_level_chain":
        "update marts.mart_service_level set service_level_offered = 0.9, service_level_incl_short_abandons = 0.8"
        " where queue_id = 21",
    "mart_abandonment_equals_aggregate": "delete from marts.mart_abandonment where queue_id = 11",
    "mart_abandonment_waits_add_up": "update marts.mart_abandonment set wait_seconds = 0",
    "agg_agent_days_equals_fact": "delete from marts.agg_agent_days",
    "assert_facts_tell_what_landed": "delete from marts.fct_transfers where call_id = 1",
    # A segment moved from one queue to another: the total of all of them stays.
    "assert_queue_totals_agree":
        "update marts.mart_queue_intervals set queue_id = 8 where queue_id = 4 and interval_minutes = 60",
    "assert_queue_days_agree": "update marts.mart_wait_percentiles set longest_wait_seconds = longest_wait_seconds + 1",
    "assert_agent_totals_agree": "update marts.mart_queue_handle_time set held_segments = 0 where interval_minutes = 15",
    "assert_busy_seconds_are_the_union":
        "update marts.agg_agent_intervals set agent_busy_seconds = agent_busy_seconds + 1",
    "assert_laws_hold_in_every_mart": "update marts.mart_queue_days set failed = failed + 1",
    "one_row_at_a_time_service_level_rules_":
        "insert into seeds.service_level_rules values (null, 'service_level_offered', true, true)",
}  # fmt: skip
"""A fault for each guard: the test that must see it, and how it is planted."""

PUBLIC = {
    "mart_service_level": {
        "interval_start_at", "interval_start_local", "local_date", "utc_offset_minutes", "queue_id", "queue_name",
        "language", "call_type", "offered", "answered", "answered_in_sl", "abandoned", "short_abandoned",
        "abandoned_in_sl", "abandoned_after_target", "flowed_out", "failed", "in_progress", "vendor_in_sla",
        "vendor_not_in_sla", "service_level", "service_level_incl_short_abandons", "service_level_offered",
        "service_level_abandons_ignored", "service_level_abandons_positive", "service_level_answered_only",
        "service_level_vendor", "target_percent", "is_target_met", "is_final", "service_level_numerator",
        "service_level_denominator", "service_level_excl_short_abandons", "is_business_hours",
    },
    "mart_abandonment": {
        "interval_start_at", "interval_start_local", "local_date", "utc_offset_minutes", "queue_id", "queue_name",
        "language", "call_type", "offered", "answered", "abandoned", "short_abandoned", "ringing_abandoned",
        "flowed_out", "failed", "in_progress", "wait_seconds", "answered_wait_seconds", "abandoned_wait_seconds",
        "flowed_out_wait_seconds", "failed_wait_seconds", "longest_wait_seconds", "longest_answered_wait_seconds",
        "longest_abandoned_wait_seconds", "longest_flowed_out_wait_seconds", "longest_failed_wait_seconds",
        "abandonment_rate", "abandonment_rate_gross", "abandonment_rate_vendor", "short_abandonment_rate",
        "average_speed_of_answer", "average_queue_time", "average_abandon_time", "is_final",
        "is_business_hours",
    },
    "mart_agent_handle_time": {
        "agent_id", "direction", "local_date", "handled_segments", "handled_calls", "held_segments", "short_calls",
        "transfers_out", "cold_transfers_out", "warm_transfers_out", "transferred_calls", "talk_seconds",
        "hold_seconds", "acw_seconds", "bcw_seconds", "ring_seconds", "handle_seconds", "vendor_handle_seconds",
        "average_handle_time", "average_handle_time_vendor", "average_handle_time_per_call", "average_talk_time",
        "average_hold_time", "average_acw_time", "average_hold_time_held", "hold_rate", "short_call_rate",
        "transfer_rate", "cold_transfer_rate", "warm_transfer_rate", "calls_with_transfer_rate",
    },
    "mart_completeness": {
        "counted_by", "day_utc", "counted_by_api", "landed", "rejected", "vanished", "differences", "open_windows",
        "checked_at", "verdict",
    },
}  # fmt: skip
"""Columns of the contracted marts; adding one is a change to their users, taking one away breaks them."""
