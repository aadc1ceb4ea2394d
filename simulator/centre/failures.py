"""Why calls fail: the documented reasons with the adapter's codes and messages.

A fail reason → (code, message) of the page's table. The table does not say which code belongs
to which reason; the pairs here follow the messages. A reason may have several codes.
"""

from __future__ import annotations

from random import Random

_UNEXPECTED = "This call has encountered an unexpected error."
_CONNECTION = "An unexpected error occurred with the call connection."

MESSAGES: dict[int, str] = {
    10001: "This call encountered an unexpected error.",
    11001: "This call expired while waiting in queue.",
    20001: "This call was cancelled by the customer.",
    20002: "This call was rejected by the customer.",
    20003: "This call was abandoned by the customer.",
    20004: "This call was abandoned by the customer during menu selection.",
    21001: "The call couldn't be connected; the customer's line is busy.",
    21002: "The dialed phone number is invalid.",
    21003: "This call was was not answered by the customer.",
    22001: "The push notification to start this call failed to send.",
    30001: "This call was cancelled.",
    30002: "This expired call was not attended.",
    31001: "Unable to detect microphone. Please check your device settings and try again.",
    31002: "Unable to access microphone. Please check your device permissions and try again.",
    32001: "The selected outbound number is invalid.",
    32002: "Unable to connect call to the dialled phone number.",
    41001: _CONNECTION,
    42001: _CONNECTION,
    43001: _UNEXPECTED,
    44001: _UNEXPECTED,
    44002: "This call is terminated because the connection timed out.",
    44003: _UNEXPECTED,
    90001: "This call is terminated because no audio was detected.",
    90002: "Unable to start the audio device. Please check your audio device permissions and try again.",
}

CODES: dict[str, tuple[int, ...]] = {
    "unknown": (10001, 90001, 90002),
    "expired": (11001,),
    "eu_canceled": (20001,),
    "eu_rejected": (20002,),
    "eu_abandoned": (20003,),
    "eu_in_menu_abandoned": (20004,),
    "eu_busy": (21001,),
    "eu_wrong_number": (21002, 32001),
    "eu_no_answer": (21003,),
    "eu_noti_failed": (22001,),
    "ag_canceled": (30001,),
    "ag_ignored": (30002,),
    "ag_mic_no_device": (31001,),
    "ag_mic_denied": (31002,),
    "voip_twilio_error": (41001,),
    "voip_tokbox_error": (42001,),
    "voip_invalid_token": (43001,),
    "voip_conn_general": (44001, 32002),
    "voip_conn_timeout": (44002,),
    "voip_conn_signal": (44003,),
}

CONNECTION_REASONS: tuple[str, ...] = (
    "voip_twilio_error", "voip_tokbox_error", "voip_invalid_token", "voip_conn_general", "voip_conn_timeout",
    "voip_conn_signal", "ag_mic_no_device", "ag_mic_denied", "unknown",
)  # fmt: skip
"""Failures between an agent's acceptance and the conversation."""


def adapter_code(reason: str, rng: Random) -> int:
    """A code for the reason."""
    return rng.choice(CODES[reason])
