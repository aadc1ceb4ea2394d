"""Errors, their exit codes, and what is safe to show of other exceptions.

    CallmartError            1  any other failure
    ├── ConfigurationError   2  a setting or credential is missing or wrong: a retry will not help
    ├── ApiError             3  the API refused or failed for good
    ├── LockedError          4  another callmart is running in this project folder: try later
    ├── QualityError         5  data was loaded, but a check failed
    └── TransformError       6  dbt failed; the raw tables are complete

Each says what is wrong, where, and how to fix it. None contains a secret or personal data.

The messages of other exceptions can quote data: databases and Python's conversions name a value they cannot
read. Only messages of classes that never do so are shown or logged.
"""

from __future__ import annotations

import errno
import traceback


class CallmartError(Exception):
    """What went wrong (`str(error)`) and how to fix it (`error.mend`)."""

    exit_code = 1

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(problem)
        self.mend = mend


class ConfigurationError(CallmartError):
    """A setting or a credential is missing or wrong."""

    exit_code = 2


class ApiError(CallmartError):
    """The API refused a request, or failed after all retries."""

    exit_code = 3


class LockedError(CallmartError):
    """Another callmart is running in this project folder."""

    exit_code = 4


class QualityError(CallmartError):
    """Data was loaded, but a check failed."""

    exit_code = 5


class TransformError(CallmartError):
    """dbt failed; the raw tables are not affected."""

    exit_code = 6


_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_IN_WORDS = ("No space left on device", "Disk quota exceeded", "File too large")  # as DuckDB passes them on
_DISK_FULL_IN_POSTGRES = "53100"  # its words are in the server's language
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})


def explained(error: BaseException) -> CallmartError | None:
    """The error for a full disk, a missing permission or a limit of the system, with a fix.

    None when `error` was not caused by one of these. DuckDB and dlt wrap such errors in their own.
    """
    each: BaseException | None = error
    while each is not None:
        if isinstance(each, CallmartError):
            return each
        number, place, words = None, "", ""
        if isinstance(each, OSError):
            number, words = each.errno, each.strerror or ""
            place = f": {each.filename}" if each.filename else ""
        if (
            number in _DISK_FULL
            or getattr(each, "pgcode", None) == _DISK_FULL_IN_POSTGRES
            or any(text in str(each) for text in _IN_WORDS)
        ):
            return CallmartError(
                f"The disk is full, or a file has reached its size limit{place}.",
                "Free space for the project folder, the warehouse and the temporary files, then run this "
                "again. What was loaded before is kept.",
            )
        if number in _NOT_ALLOWED:
            return ConfigurationError(
                f"This user has no access to a file or folder ({words}){place}.",
                "Make the user that runs callmart the owner of the project folder and its contents, on a "
                "writable file system.",
            )
        if number in _TOO_MANY_FILES:
            return CallmartError(
                f"Too many open files{place}.", "Raise the limit for this user (`ulimit -n 4096`)."
            )
        each = each.__cause__
    return None


_QUOTE_NO_DATA = frozenset(
    {
        "CallmartError",
        "OSError",  # file and reason
        "MemoryError",
        "ImportError",
        "AttributeError",
        "NotImplementedError",
        "RecursionError",
        # DuckDB's errors about files, memory and statements, not those about values and rows
        "IOException",
        "OutOfMemoryException",
        "CatalogException",
        "BinderException",
        "ParserException",
        "TransactionException",
    }
)


def safe_message(error: BaseException) -> str:
    """The class of an exception, and its message if that cannot contain data."""
    name = type(error).__name__
    if _QUOTE_NO_DATA.isdisjoint(each.__name__ for each in type(error).__mro__):
        return f"{name} (message withheld: it may quote calls)"
    return f"{name}: {error}"


def safe_traceback(error: BaseException) -> str:
    """The traceback of an exception and its causes, without messages that can contain data."""
    parts: list[str] = []
    each: BaseException | None = error
    while each is not None and len(parts) < 20:
        frames = "".join(traceback.format_tb(each.__traceback__))
        parts.insert(0, f"Traceback (most recent call last):\n{frames}{safe_message(each)}")
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return "\n\nThat led to:\n\n".join(parts)
