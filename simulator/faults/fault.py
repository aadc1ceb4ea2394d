"""The faults by name, and which of them belong together."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """One way in which the API is hostile. Each can be switched on alone."""

    # an answer that cannot be used, once
    TOO_MANY = "too-many"
    """429 without a word of when to come again."""
    TOO_MANY_SECONDS = "too-many-seconds"
    """429 with `Retry-After` in seconds."""
    TOO_MANY_DATE = "too-many-date"
    """429 with `Retry-After` as an HTTP date, by the answer's own `Date`."""
    SERVER_ERROR = "server-error"
    """500."""
    BAD_GATEWAY = "bad-gateway"
    """502, from a proxy, in HTML."""
    UNAVAILABLE = "unavailable"
    """503, with and without `Retry-After`."""
    RESET = "reset"
    """The connection is reset, before the answer or in the middle of it."""
    CUT_BODY = "cut-body"
    """Fewer bytes than `Content-Length` says, then the connection ends."""
    CUT_JSON = "cut-json"
    """A whole answer by its headers, whose JSON breaks off."""
    HTML = "html"
    """An error page with status 200."""

    # an answer that can be used and must not be trusted, several in a row
    SLOW = "slow"
    """The answer comes some milliseconds late."""
    NO_LINK = "no-link"
    """`Link` is missing."""
    NO_TOTAL = "no-total"
    """`Total` is missing."""
    LYING_TOTAL = "lying-total"
    """`Total` is too large, too small or 0."""
    CLOCK_SKEW = "clock-skew"
    """`Date` is some seconds off, either way."""

    # calls in time
    MOVING = "moving"
    """Calls that were just served are updated before the next request; needs both halves of a storm."""
    LATE = "late"
    """A call's changes are seen seconds after their `updated_at`: behind a reader's cursor."""
    CROWDED = "crowded"
    """A job touches hundreds of calls within one second, every other day."""
    FUTURE = "future"
    """`updated_at` lies hours, a day or more than a year ahead."""
    VANISHING = "vanishing"
    """The call is gone, some hours after it began."""
    SHRINKING = "shrinking"
    """A later version has arrays with fewer elements, or none."""
    REDACTED = "redacted"
    """A later version has names and texts taken out."""
    SILENT = "silent"
    """The call changes and its `updated_at` does not."""

    # how a call is written
    OFFSETS = "offsets"
    """Instants carry all kinds of UTC offsets, also within one call."""
    NUMERIC_BOOLEANS = "numeric-booleans"
    """1 and 0 for true and false."""
    TEXT_NUMBERS = "text-numbers"
    """"5" for 5."""
    UNKNOWN_KEYS = "unknown-keys"
    """Keys that nobody documented, in the call, in its objects and in its rows."""
    UNKNOWN_VALUES = "unknown-values"
    """Enumerations with values that nobody documented."""
    NULL_ARRAYS = "null-arrays"
    """null for an array."""
    MISSING_ARRAYS = "missing-arrays"
    """An array's key is not there."""


BREAKING = frozenset(
    {
        Fault.TOO_MANY, Fault.TOO_MANY_SECONDS, Fault.TOO_MANY_DATE, Fault.SERVER_ERROR, Fault.BAD_GATEWAY,
        Fault.UNAVAILABLE, Fault.RESET, Fault.CUT_BODY, Fault.CUT_JSON, Fault.HTML,
    }
)  # fmt: skip
"""Faults after which a client has to ask again."""

QUIET = frozenset({Fault.SLOW, Fault.NO_LINK, Fault.NO_TOTAL, Fault.LYING_TOTAL, Fault.CLOCK_SKEW})
"""Faults that leave the page as it is."""

TRANSPORT = BREAKING | QUIET
"""Faults of an answer, whatever it holds."""

ALL = frozenset(Fault)
DATA = ALL - TRANSPORT
"""Faults of the calls themselves."""
