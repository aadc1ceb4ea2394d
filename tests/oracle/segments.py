"""Queue segments: one entry into one queue, and its outcome."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from tests.oracle import rules
from tests.oracle.calls import UNKNOWN, Call
from tests.oracle.handled import FIRST_LEG, HandledSegment
from tests.oracle.raw import Json, elements, number, some_instant, told_or_elapsed, without_copies
from tests.oracle.transfers import Transfer

IN_PROGRESS = "in_progress"


@dataclass(frozen=True)
class QueueSegment:
    """One entry. `wait_seconds` is w, `target_seconds` T, `threshold_seconds` S; instants are UTC."""

    call: Call
    queue_id: int
    language: str
    leg: int
    entered_at: dt.datetime
    wait_seconds: int
    target_seconds: int | None
    threshold_seconds: int | None
    target_percent: int | None
    vendor_event: str | None
    outcome: str
    is_ringing: bool

    @property
    def is_offered(self) -> bool:
        """All but in progress."""
        return self.outcome != IN_PROGRESS

    @property
    def is_answered_in_sl(self) -> bool:
        """Answered, w <= T."""
        return self.outcome == "answered" and _within(self.wait_seconds, self.target_seconds)

    @property
    def is_short_abandon(self) -> bool:
        """Abandoned, w <= S."""
        return self.outcome == "abandoned" and _within(self.wait_seconds, self.threshold_seconds)

    @property
    def is_abandoned_in_sl(self) -> bool:
        """Abandoned, S < w <= T; without S no abandon is short."""
        return (
            self.outcome == "abandoned"
            and not self.is_short_abandon
            and _within(self.wait_seconds, self.target_seconds)
        )

    @property
    def is_abandoned_after_target(self) -> bool:
        """Abandoned, w > T."""
        return self.outcome == "abandoned" and _beyond(self.wait_seconds, self.target_seconds)


def _within(wait: int, bound: int | None) -> bool:
    return bound is not None and wait <= bound


def _beyond(wait: int, bound: int | None) -> bool:
    return bound is not None and wait > bound


def queue_segments(
    call: Call, handled: Sequence[HandledSegment], transfers: Sequence[Transfer]
) -> list[QueueSegment]:
    """The call's entries into queues, in order; rows without a menu path are none."""
    once = without_copies(elements(call.body, "queue_durations"), ("menu_path_id", "transfer_id", "agent_id"))
    rows = [row for row in once if number(row, "menu_path_id") is not None]
    rows.sort(key=_entered)
    answered_legs = {each.leg for each in handled if each.is_handled}
    newest = {each.transfer_id: each for each in transfers}
    segments = []
    for place, row in enumerate(rows):
        leg = _leg(row)
        waits_again = number(row, "agent_id") is None and any(
            _leg(later) == leg for later in rows[place + 1 :]
        )
        outcome, is_ringing = _outcome(call, row, waits_again, newest.get(leg), leg in answered_legs)
        segments.append(
            QueueSegment(
                call=call,
                queue_id=row["menu_path_id"],
                language=row.get("lang") or call.body.get("lang") or UNKNOWN,
                leg=leg,
                entered_at=_entered(row),
                wait_seconds=told_or_elapsed(row, "queue_duration"),
                target_seconds=number(row, "service_level_target_time"),
                threshold_seconds=number(row, "service_level_abandon_time_threshold"),
                target_percent=number(row, "service_level_target_percent"),
                vendor_event=row.get("service_level_event"),
                outcome=outcome,
                is_ringing=is_ringing,
            )
        )
    return segments


def _outcome(
    call: Call, row: Json, waits_again: bool, transfer: Transfer | None, is_handled: bool
) -> tuple[str, bool]:
    """The outcome, and whether a fail reason that means hanging up while it rang decided it; first match wins."""
    if row.get("event") in rules.EVENT_OUTCOMES:
        return rules.EVENT_OUTCOMES[row["event"]], False
    if waits_again:
        return "flowed_out", False
    if transfer is not None and transfer.outcome != IN_PROGRESS:
        outcome = "answered" if transfer.outcome == "completed" else transfer.outcome
        return outcome, transfer.is_ringing and outcome in ("abandoned", "failed")
    # A first leg, or one whose transfer is unknown or undecided: the call decides.
    if is_handled:
        return "answered", False
    if by_reason := rules.ABANDON_OUTCOMES.get(call.fail_reason or ""):
        return by_reason, call.fail_reason in rules.RINGING
    if call.flowed_out_as:
        return "flowed_out", False
    return ("failed" if call.is_ended else IN_PROGRESS), False


def _entered(row: Json) -> dt.datetime:
    return some_instant(row, "started_at")


def _leg(row: Json) -> int:
    return number(row, "transfer_id") or FIRST_LEG
