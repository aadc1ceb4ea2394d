"""Errors a user can mend, and the exit codes a scheduler can act on.

    CallmartError            1  something went wrong that has no class of its own
    ├── ConfigurationError   2  a setting or credential is missing or wrong: retrying will not help
    ├── ApiError             3  the API refused or failed for good
    ├── LockedError          4  another callmart is at work in this project folder: try later
    ├── QualityError         5  data landed, but a check says it should not be trusted
    └── TransformError       6  dbt failed; the raw tables are whole

Each says what is wrong, where, and how to mend it; none carries a secret or personal data.
"""

from __future__ import annotations


class CallmartError(Exception):
    """What went wrong (`str(error)`), and what to do about it (`error.mend`)."""

    exit_code = 1

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(problem)
        self.mend = mend


class ConfigurationError(CallmartError):
    """A setting or a credential is missing or wrong."""

    exit_code = 2


class ApiError(CallmartError):
    """The API refused, or failed beyond what retries mend."""

    exit_code = 3


class LockedError(CallmartError):
    """Another callmart works in this project folder."""

    exit_code = 4


class QualityError(CallmartError):
    """Data landed, but a check says it should not be trusted."""

    exit_code = 5


class TransformError(CallmartError):
    """dbt failed; the raw tables are untouched by that."""

    exit_code = 6
