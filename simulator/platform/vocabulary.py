"""The values of the API that filters accept: those of the calls page, and newer ones seen in payloads.

A value in neither list is refused in a filter, because it is probably misspelt. In a body it is served like any other.
"""

from __future__ import annotations

CLASS_OF_LABEL = {
    "Voice Inbound (IVR)": "IvrCall",
    "Voice Inbound (App)": "IncomingCallApp",
    "Voice Callback (Web)": "IncomingCallWeb",
    "Voice Scheduled (App)": "ScheduledCallApp",
    "Voice Scheduled (Web)": "ScheduledCallWeb",
    "Voice Outbound": "OutboundCall",
}
"""Labels in responses → class names for `call_type[]`. Newer labels have no known class."""

CALL_CLASSES = frozenset({*CLASS_OF_LABEL.values(), "AgentScheduledCall", "ActionOnlyCall"})
"""Every class name that `call_type[]` accepts."""

STATUSES = frozenset(
    {
        "scheduled", "queued", "assigned", "connecting", "switching", "connected", "finished", "failed",
        "recovered", "deflected", "selecting", "action_only", "action_only_finished",
        "voicemail", "voicemail_received", "voicemail_read",
        # not on the page:
        "va_assigned", "va_connected", "preview_pending", "preview_ready",
        "campaign_connecting", "campaign_connected", "requeued",
    }
)  # fmt: skip

FAIL_REASONS = frozenset(
    {
        "nothing", "unknown", "expired",
        "eu_canceled", "eu_rejected", "eu_abandoned", "eu_in_menu_abandoned", "eu_busy", "eu_wrong_number",
        "eu_no_answer", "eu_noti_failed",
        "ag_canceled", "ag_ignored", "ag_mic_no_device", "ag_mic_denied",
        "voip_twilio_error", "voip_tokbox_error", "voip_invalid_token",
        "voip_conn_general", "voip_conn_timeout", "voip_conn_signal",
        # not on the page:
        "transfer_expired", "eu_repeated_voicemail", "eu_repeated_callback", "voip_nexmo_error",
        "stuck_due_to_api_error", "group_deleted_no_substitute", "menu_deleted",
        "direct_pstn_call_to_fallback_number",
    }
)  # fmt: skip
