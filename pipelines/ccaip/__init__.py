"""Calls of the CCAI Platform as a dlt source: `from pipelines.ccaip import ccaip`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.ccaip.source import between, ccaip

__all__ = ["between", "ccaip"]


def __getattr__(name: str) -> Any:
    """Import the source on first use: dlt takes a second to import, and the tables do not need it."""
    if name in __all__:
        from pipelines.ccaip import source

        return getattr(source, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
