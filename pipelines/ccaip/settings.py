"""The settings of the source, resolved by dlt: `[sources.ccaip]` and `[privacy]` of config and secrets, or the environment.

Every setting is looked up under its section (`SOURCES__CCAIP__USERNAME`, `CCAIP__USERNAME`), never under its name alone:
many machines have a variable `USERNAME` of their own.
"""

# mypy: disable-error-code="assignment"
# dlt requires a value for a field whose default is None.
from __future__ import annotations

from typing import Any, ClassVar

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue

from pipelines.ccaip.pace import DEFAULT_LONGEST_RETRY_AFTER_SECONDS, DEFAULT_REQUESTS_PER_SECOND
from pipelines.ccaip.privacy.policy import Action, Policy, PrivacyFilter, check_action
from pipelines.ccaip.tables import Privacy
from pipelines.ccaip.windows import DEFAULT_OVERLAP_SECONDS, DEFAULT_SETTLE_SECONDS, DEFAULT_START
from pipelines.errors import ConfigurationError


@configspec
class PrivacyConfiguration(BaseConfiguration):
    """`[privacy]`: what happens to personal columns, by class (`keep`, `hash`, `mask`, `drop`) and by column."""

    identifier: str = "hash"
    name: str = "hash"
    contact: str = "hash"
    link: str = "drop"
    free_text: str = "drop"
    network: str = "drop"
    columns: dict[str, str] | None = None
    key: TSecretStrValue | None = None

    __section__: ClassVar[str] = "privacy"

    def filter(self) -> PrivacyFilter:
        """The filter that applies the policy. Raises `ConfigurationError` if an action is unknown or the key is missing."""
        classes: dict[Privacy, Action] = {
            class_: _action(class_.value, getattr(self, class_.value))
            for class_ in Privacy
            if class_ is not Privacy.NONE
        }
        columns = {name: _action(name, action) for name, action in (self.columns or {}).items()}
        for name, action in columns.items():
            try:
                check_action(name, action)
            except ValueError as error:
                raise ConfigurationError(f"[privacy] columns {error}.") from None
        return PrivacyFilter(Policy(classes, columns), self.key or "")


@configspec
class CcaipConfiguration(BaseConfiguration):
    """`[sources.ccaip]`: the tenant's API, how far back and how fast to read it. Durations are in seconds.

    `base_url` is scheme and host. `username` is the subdomain (the company key on older tenants), `api_token` its
    API token (the company secret). `start_date` is an ISO date or instant by `updated_at`, UTC unless it has an
    offset. `fatal_drift` are patterns of `table.field` in which drift stops the load.
    """

    base_url: str = None
    username: str = None
    api_token: TSecretStrValue = None
    start_date: Any = DEFAULT_START
    requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND
    settle_seconds: float = DEFAULT_SETTLE_SECONDS
    overlap_seconds: float = DEFAULT_OVERLAP_SECONDS
    longest_retry_after_seconds: float = DEFAULT_LONGEST_RETRY_AFTER_SECONDS
    fatal_drift: list[str] | None = None
    privacy: PrivacyConfiguration = None

    __section__: ClassVar[str] = "ccaip"


def _action(name: str, value: str) -> Action:
    try:
        return Action(str(value).strip().lower())
    except ValueError:
        raise ConfigurationError(
            f"[privacy] {name} is {value!r}.", f"Use one of {', '.join(Action)}."
        ) from None
