"""What may be told of an exception that nobody foresaw: where it happened, and its words if they quote no data.

A database that cannot read a value says which value; so do Python's own conversions. Such words would
put calls into logs, terminals and whatever collects them. Frames show callmart's code and are told whole.
"""

from __future__ import annotations

import traceback

_QUOTE_NO_DATA = frozenset(
    {
        "CallmartError",
        "OSError",  # file and reason
        "MemoryError",
        "ImportError",
        "AttributeError",
        "NotImplementedError",
        "RecursionError",
        # DuckDB's of files, memory and statements; those of values and rows are not among them
        "IOException",
        "OutOfMemoryException",
        "CatalogException",
        "BinderException",
        "ParserException",
        "TransactionException",
    }
)


def said(error: BaseException) -> str:
    """An exception's class, and its words if they can hold no data."""
    name = type(error).__name__
    if _QUOTE_NO_DATA.isdisjoint(each.__name__ for each in type(error).__mro__):
        return f"{name} (its words are withheld: they may quote calls)"
    return f"{name}: {error}"


def trace(error: BaseException) -> str:
    """The traceback of an exception and of those that led to it, without words that can hold data."""
    told: list[str] = []
    each: BaseException | None = error
    while each is not None and len(told) < 20:
        frames = "".join(traceback.format_tb(each.__traceback__))
        told.insert(0, f"Traceback (most recent call last):\n{frames}{said(each)}")
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return "\n\nThat led to:\n\n".join(told)
