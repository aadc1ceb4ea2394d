"""Expectations of the tests of the marts: a fault for each data test, and the public marts' columns."""

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
    # A segment moved from one queue to another, which does not change the total.
    "assert_queue_totals_agree":
        "update marts.mart_queue_intervals set queue_id = 8 where queue_id = 4 and interval_minutes = 60",
    "assert_queue_days_agree": "update marts.mart_wait_percentiles set longest_wait_seconds = longest_wait_seconds + 1",
    "assert_agent_totals_agree": "update marts.mart_queue_handle_time set held_segments = 0 where interval_minutes = 15",
    "assert_agent_days_agree": "update marts.mart_agent_handle_time set held_segments = held_segments + 1",
    "assert_busy_seconds_are_the_union":
        "update marts.agg_agent_intervals set agent_busy_seconds = agent_busy_seconds + 1",
    "assert_laws_hold_in_every_mart": "update marts.mart_queue_days set failed = failed + 1",
    "one_row_at_a_time_service_level_rules_":
        "insert into seeds.service_level_rules values (null, 'service_level_offered', true, true)",
    "mart_transfers_equals_fact": "delete from marts.mart_transfers where kind = 'cold'",
    "mart_virtual_agent_equals_fact": "delete from marts.mart_virtual_agent where queue_id = 30",
    "mart_virtual_agent_adds_up": "update marts.mart_virtual_agent set escalations_failed = 9",
    "mart_transfers_adds_up": "update marts.mart_transfers set transfer_failure_rate = 'nan' where from_queue_id = 11",
    "mart_deflection_and_callbacks_adds_up":
        "update marts.mart_deflection_and_callbacks set callbacks = callbacks + 1 where queue_id = 11",
    "mart_ivr_adds_up": "update marts.mart_ivr set ivr_abandonment_rate = 2 where queue_id = 11",
    "mart_ivr_equals_fact": "delete from marts.mart_ivr where queue_id = 30",
    "mart_deflection_and_callbacks_equals_fact":
        "update marts.mart_deflection_and_callbacks set open_callbacks = open_callbacks + 1 where queue_id = 11",
    "mart_repeat_contacts_adds_up":
        "update marts.mart_repeat_contacts set repeat_contact_rate_7d = 1.5 where queue_id = 11",
    "mart_service_level_reconciliation_adds_up":
        "update marts.mart_service_level_reconciliation set agreed = agreed + 1 where queue_id = 11",
    "mart_service_level_reconciliation_equals_aggregate":
        "update marts.mart_service_level_reconciliation set counted = counted + 1 where queue_id = 11",
    "mart_staffing_equals_aggregate": "delete from marts.mart_staffing where queue_id = 21",
    "mart_staffing_meets_its_targets": "update marts.mart_staffing set agents_needed = 0 where queue_id = 11",
    "dim_queue_versions_are_periods": "update marts.dim_queue_versions set valid_to = valid_from where queue_id = 4",
    "dim_agent_versions_are_periods": "update marts.dim_agent_versions set is_current = true where agent_id = 5",
}  # fmt: skip
"""A fault for each data test: the test that must find it, and how it is planted."""

PUBLIC = {
    "mart_publication": {
        "data_until", "newest_change_at", "lateness_seconds", "reporting_timezone", "dbt_version",
    },
    "mart_service_level": {
        "interval_start_at", "interval_start_local", "local_date", "utc_offset_minutes", "queue_id", "queue_name",
        "language", "call_type", "offered", "answered", "answered_in_sl", "abandoned", "short_abandoned",
        "abandoned_in_sl", "abandoned_after_target", "flowed_out", "failed", "in_progress", "vendor_in_sla",
        "vendor_not_in_sla", "service_level", "service_level_incl_short_abandons", "service_level_offered",
        "service_level_abandons_ignored", "service_level_abandons_positive", "service_level_answered_only",
        "service_level_vendor", "target_percent", "is_target_met", "is_final", "service_level_numerator",
        "service_level_denominator", "service_level_excl_short_abandons", "is_business_hours",
        "offered_with_target", "answered_with_target", "abandoned_with_target", "short_abandoned_with_target",
    },
    "mart_unfinished_calls": {
        "call_id", "status", "call_type", "local_date", "queue_id", "queue_name", "created_at", "created_local",
        "updated_at", "open_seconds",
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
        "agent_id", "agent_name", "direction", "local_date", "handled_segments", "handled_calls", "held_segments",
        "short_calls", "transfers_out", "cold_transfers_out", "warm_transfers_out", "transferred_calls", "talk_seconds",
        "hold_seconds", "acw_seconds", "bcw_seconds", "ring_seconds", "handle_seconds", "vendor_handle_seconds",
        "average_handle_time", "average_handle_time_vendor", "average_handle_time_per_call", "average_talk_time",
        "average_hold_time", "average_acw_time", "average_hold_time_held", "hold_rate", "short_call_rate",
        "transfer_rate", "cold_transfer_rate", "warm_transfer_rate", "calls_with_transfer_rate",
    },
    "mart_completeness": {
        "counted_by", "day_utc", "counted_by_api", "landed", "rejected", "vanished", "differences", "open_windows",
        "checked_at", "verdict",
    },
    "mart_transfers": {
        "local_date", "kind", "from_queue_id", "to_queue_id", "from_agent_id", "to_agent_id",
        "from_queue_name", "to_queue_name", "from_agent_name", "to_agent_name", "attempts", "completed", "failed",
        "abandoned", "flowed_out", "in_progress", "attempts_to_virtual_agent",
        "wait_seconds", "completed_wait_seconds", "transfer_completion_rate", "transfer_failure_rate",
        "average_transfer_wait_time",
    },
    "mart_deflection_and_callbacks": {
        "local_date", "queue_id", "queue_name", "call_type", "contacts", "deflected", "deflected_to_voicemail",
        "deflected_to_callback", "deflected_elsewhere", "deflected_after_hours", "deflected_over_capacity",
        "open_callbacks", "callbacks", "successful_callbacks", "scheduled_callbacks",
        "successful_scheduled_callbacks", "voicemail_callbacks", "successful_voicemail_callbacks",
        "recovery_callbacks", "successful_recovery_callbacks", "unlinked_callbacks",
        "successful_unlinked_callbacks", "deflection_rate", "voicemail_rate", "callback_request_rate",
        "sent_elsewhere_rate", "callback_success_rate", "scheduled_callback_success_rate",
        "recovery_success_rate",
    },
    "mart_virtual_agent": {
        "local_date", "virtual_agent_id", "queue_id", "sessions", "contained", "escalated", "person_later",
        "in_progress", "escalations_to_person", "escalations_deflected", "escalations_failed",
        "session_seconds", "contained_session_seconds", "longest_session_seconds", "responses",
        "fallback_responses", "va_containment_rate", "va_escalation_rate", "va_deflected_escalation_rate",
        "average_session_time", "fallback_response_rate",
    },
    "mart_repeat_contacts": {
        "local_date", "queue_id", "queue_name", "call_type", "inbound_contacts", "unidentified_contacts",
        "open_contacts", "contacts", "repeated_contacts", "served_contacts", "resolved_contacts",
        "repeat_contact_rate_7d", "first_contact_resolution_proxy",
    },
    "mart_ivr": {
        "local_date", "queue_id", "queue_name", "call_type", "entered_menu", "menu_abandoned", "menu_seconds",
        "abandoned_menu_seconds", "ivr_abandonment_rate", "average_menu_time",
    },
    "mart_service_level_reconciliation": {
        "local_date", "queue_id", "queue_name", "queue_name_then", "offered", "agreed", "agreed_in",
        "agreed_out", "agreed_excluded", "ours_in_vendor_out", "ours_out_vendor_in", "vendor_excluded",
        "ours_excluded", "vendor_missing", "no_target", "in_progress", "answered_in_sl", "counted", "vendor_in_sla",
        "vendor_counted", "agreement_rate", "service_level", "service_level_vendor",
    },
    "mart_vendor_report_comparison": {
        "report_date", "queue_id", "queue_name", "metric", "vendor_value", "our_value", "difference",
        "likely_cause",
    },
    "mart_restatements": {
        "restated_at", "build_number", "interval_start_at", "interval_start_local", "queue_id", "queue_name",
        "language", "call_type", "metric",
        "value_before", "value_after", "cause", "calls", "call_ids", "changed_fields",
    },
    "mart_staffing": {
        "interval_start_at", "interval_start_local", "local_date", "queue_id", "queue_name", "offered",
        "handled_segments", "handle_seconds", "is_average_of_all_days", "average_handle_time", "offered_load_erlangs",
        "target_seconds", "target_percent", "agents_needed", "expected_service_level", "expected_occupancy",
    },
}  # fmt: skip
"""Columns of the contracted marts; adding one is visible to users, removing one breaks their queries."""
