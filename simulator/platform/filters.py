"""The filter parameters of the calls page: their text → conditions on a call's summary.

Every bound is inclusive (the vendor only documents `updated_at[from]`); a call without the value matches no range. The
values of one list parameter are alternatives; all parameters must match. An invalid value is refused rather than
ignored, so that mistakes of a client are noticed.

Assumed, as the page does not say: a rating of `null` is a call without one and stands below 1, so
`rating[from]=null` is every call, `rating[to]=null` the unrated ones, and without a `null` only
rated calls match: the two bounds are one range, the only pair of parameters not read on its own. `support_number[]` looks at every call, though only IVR calls are said to have one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from simulator.platform.instants import parse_instant
from simulator.platform.summary import Summary
from simulator.platform.vocabulary import CALL_CLASSES, FAIL_REASONS, STATUSES

Condition = Callable[[Summary], bool]
Parameters = Mapping[str, Sequence[str]]
"""The given parameters by decoded name, with their values."""

Value = TypeVar("Value")


class ParameterError(Exception):
    """An invalid parameter: its name, and the problem."""

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter} {problem}")
        self.parameter = parameter


# --- reading one value; each raises ValueError with the end of the sentence "<parameter> …" ---------


def instant(text: str) -> Any:
    """An instant in UTC."""
    try:
        return parse_instant(text)
    except ValueError:
        raise ValueError(
            "must be an ISO 8601 instant such as 2026-03-23T20:16:58Z (in a URL, + is written %2B)"
        ) from None


def whole(text: str) -> int:
    """A whole number of at most 18 digits: page numbers and ids."""
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise ValueError("must be a whole number")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ValueError("must be a number of seconds")
    return seconds


def _rating(text: str) -> int:
    """1 to 5, and 0 for `null`."""
    if text not in ("1", "2", "3", "4", "5", "null"):
        raise ValueError("must be a whole number from 1 to 5, or null")
    return 0 if text == "null" else int(text)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def _phone(text: str) -> str:
    if text.startswith(" "):
        raise ValueError("starts with a space (in a URL, + is written %2B)")
    return text


def _one_of(known: frozenset[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in known:
            raise ValueError(f"must be one of {', '.join(sorted(known))}")
        return text

    return parse


# --- the parameters -------------------------------------------------------------------------------

_RANGES: dict[str, Callable[[str], Any]] = {
    "connected_at": instant,
    "queued_at": instant,
    "call_duration": _seconds,
    "hold_duration": _seconds,
}
_LISTS: dict[str, tuple[Callable[[str], Any], Callable[[Summary], Any]]] = {
    "end_user_id[]": (whole, lambda call: call.end_user_id),
    "call_status[]": (_one_of(STATUSES), lambda call: call.status),
    "call_fail_reason[]": (_one_of(FAIL_REASONS), lambda call: call.fail_reason),
    "verified[]": (_flag, lambda call: call.verified),
    "call_type[]": (_one_of(CALL_CLASSES), lambda call: call.call_class),
    "support_number[]": (_phone, lambda call: call.support_number),
}

FILTER_PARAMETERS = frozenset(
    {
        *(f"{column}[{end}]" for column in (*_RANGES, "updated_at", "rating") for end in ("from", "to")),
        *_LISTS,
        "id[]",
        "agent_id[]",
    }
)
"""Every filter parameter of the vendor's page. The index handles `updated_at[…]` and `id[]`."""


def only(given: Parameters, name: str, parse: Callable[[str], Value]) -> Value | None:
    """The value of a parameter that may be given once; `None` if it was not given."""
    values = every(given, name, parse)
    if len(values) > 1:
        raise ParameterError(name, "is given more than once")
    return values[0] if values else None


def every(given: Parameters, name: str, parse: Callable[[str], Value]) -> list[Value]:
    """The values of a parameter, in order."""
    try:
        return [parse(text) for text in given.get(name, ())]
    except ValueError as wrong:
        raise ParameterError(name, str(wrong)) from None


def conditions(given: Parameters) -> tuple[Condition, ...]:
    """The conditions that a call's summary must all meet. Raises `ParameterError`."""
    found: list[Condition] = []
    for column, parse in _RANGES.items():
        low, high = only(given, f"{column}[from]", parse), only(given, f"{column}[to]", parse)
        if low is not None or high is not None:
            found.append(_between(column, low, high))
    if {"rating[from]", "rating[to]"} & given.keys():
        found.append(_rated(only(given, "rating[from]", _rating), only(given, "rating[to]", _rating)))
    for name, (parse, of) in _LISTS.items():
        if name in given:
            found.append(_among(frozenset(every(given, name, parse)), of))
    if "agent_id[]" in given:
        agents = frozenset(every(given, "agent_id[]", whole))
        found.append(lambda call: not agents.isdisjoint(call.agent_ids))
    return tuple(found)


def _between(column: str, low: Any, high: Any) -> Condition:
    def condition(call: Summary) -> bool:
        value = getattr(call, column)
        return value is not None and (low is None or low <= value) and (high is None or value <= high)

    return condition


def _rated(low: int | None, high: int | None) -> Condition:
    if low is None:
        low = 0 if high == 0 else 1
    at_most = math.inf if high is None else high
    return lambda call: low <= (call.rating or 0) <= at_most


def _among(wanted: frozenset[Any], of: Callable[[Summary], Any]) -> Condition:
    return lambda call: of(call) in wanted
