"""The faults by name, and their groups."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """A fault of the API. Each can be enabled alone."""

    # a response that cannot be used, once
    TOO_MANY = "too-many"
    """429 without `Retry-After`."""
    TOO_MANY_SECONDS = "too-many-seconds"
    """429 with `Retry-After` in seconds."""
    TOO_MANY_DATE = "too-many-date"
    """429 with `Retry-After` as an HTTP date, relative to the response's `Date`."""
    SERVER_ERROR = "server-error"
    """500."""
    BAD_GATEWAY = "bad-gateway"
    """502, from a proxy, in HTML."""
    UNAVAILABLE = "unavailable"
    """503, with and without `Retry-After`."""
    RESET = "reset"
    """The connection is reset before or within the response."""
    CUT_BODY = "cut-body"
    """Fewer bytes than `Content-Length` says, then the connection ends."""
    CUT_JSON = "cut-json"
    """A complete response by its headers, with truncated JSON."""
    HTML = "html"
    """An error page with status 200."""

    # a response that can be used but is partly wrong, several in a row
    SLOW = "slow"
    """The response is some milliseconds late."""
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
    """Calls that were just served are updated before the next request; needs both parts of a storm."""
    LATE = "late"
    """A call's changes become visible seconds after their `updated_at`, behind a reader's cursor."""
    CROWDED = "crowded"
    """A job touches hundreds of calls within one second, every other day."""
    FUTURE = "future"
    """`updated_at` is hours, a day or more than a year in the future."""
    VANISHING = "vanishing"
    """The call is gone, some hours after it began."""
    SHRINKING = "shrinking"
    """A later version has arrays with fewer elements, or none."""
    REDACTED = "redacted"
    """A later version lacks names and texts."""
    SILENT = "silent"
    """The call changes without a new `updated_at`."""

    # how a call is written
    OFFSETS = "offsets"
    """Instants have various UTC offsets, also within one call."""
    NUMERIC_BOOLEANS = "numeric-booleans"
    """1 and 0 for true and false."""
    TEXT_NUMBERS = "text-numbers"
    """"5" for 5."""
    UNKNOWN_KEYS = "unknown-keys"
    """Undocumented keys in the call, its objects and its rows."""
    UNKNOWN_VALUES = "unknown-values"
    """Enumerations with undocumented values."""
    NULL_ARRAYS = "null-arrays"
    """null for an array."""
    MISSING_ARRAYS = "missing-arrays"
    """The key of an array is missing."""


BREAKING = frozenset(
    {
        Fault.TOO_MANY, Fault.TOO_MANY_SECONDS, Fault.TOO_MANY_DATE, Fault.SERVER_ERROR, Fault.BAD_GATEWAY,
        Fault.UNAVAILABLE, Fault.RESET, Fault.CUT_BODY, Fault.CUT_JSON, Fault.HTML,
    }
)  # fmt: skip
"""Faults after which a client has to retry."""

QUIET = frozenset({Fault.SLOW, Fault.NO_LINK, Fault.NO_TOTAL, Fault.LYING_TOTAL, Fault.CLOCK_SKEW})
"""Faults that do not change the page."""

TRANSPORT = BREAKING | QUIET
"""Faults of responses, whatever their content."""

ALL = frozenset(Fault)
DATA = ALL - TRANSPORT
"""Faults of the calls themselves."""
