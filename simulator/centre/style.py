"""The variants of the vendor's JSON that one call uses.

A record's salt → one of the documented ways to write the same thing. The page's example, its model and real payloads
contradict each other, and a reader has to accept them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

_BITS = 16


@dataclass(frozen=True, slots=True)
class Style:
    """The JSON style of a call."""

    local_offset: bool
    """Instants with the centre's offset instead of `Z` (payload)."""
    numeric_flags: bool
    """`transfer` and `barged` as 0 and 1 (example) instead of true and false (payload)."""
    short_menu_keys: bool
    """`from_menu` and `to_menu` (page) instead of `from_menu_path` and `to_menu_path` (payload)."""
    as_model: bool
    """Rows as on the page's model: no ids, an `event` where it is certain."""
    text_rating: bool
    text_hidden: bool
    numeric_deflection: bool
    hides_agent: bool
    """`agent_info` missing when a virtual agent and a person had the call."""
    fail_details: bool
    with_uuid: bool

    @staticmethod
    def of(salt: int) -> Style:
        """The style for a salt."""
        return _style(salt & ((1 << _BITS) - 1))

    def flag(self, value: bool) -> bool | int:
        """A flag as this call writes flags."""
        return int(value) if self.numeric_flags else value


@cache
def _style(bits: int) -> Style:
    return Style(
        local_offset=bits & 7 == 0,
        numeric_flags=bits >> 3 & 1 == 0,
        short_menu_keys=bits >> 4 & 3 == 0,
        as_model=bits >> 6 & 31 == 0,
        text_rating=bits >> 11 & 3 == 0,
        text_hidden=bits >> 13 & 7 == 0,
        numeric_deflection=bits >> 4 & 3 == 0,
        hides_agent=bits >> 3 & 1 == 0,
        fail_details=bits >> 6 & 1 == 0,
        with_uuid=bits >> 7 & 1 == 0,
    )
