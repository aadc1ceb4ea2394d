"""Settings, read from where dlt reads them: environment, `.dlt/secrets.toml`, `.dlt/config.toml`.

    [sources.ccaip] base_url            SOURCES__CCAIP__BASE_URL            scheme and host, no default
    [sources.ccaip] username            SOURCES__CCAIP__USERNAME            no default
    [sources.ccaip] api_token           SOURCES__CCAIP__API_TOKEN           secret, no default
    [sources.ccaip] start_date          SOURCES__CCAIP__START_DATE          2015-01-01
    [sources.ccaip] requests_per_second SOURCES__CCAIP__REQUESTS_PER_SECOND 10
    [sources.ccaip] settle_seconds      SOURCES__CCAIP__SETTLE_SECONDS      60
    [sources.ccaip] overlap_seconds     SOURCES__CCAIP__OVERLAP_SECONDS     1800
    [sources.ccaip] longest_retry_after_seconds SOURCES__CCAIP__LONGEST_RETRY_AFTER_SECONDS 900
    [sources.ccaip] rejected_share      SOURCES__CCAIP__REJECTED_SHARE      0.01
    [sources.ccaip] fatal_drift         SOURCES__CCAIP__FATAL_DRIFT         none
    [destination] name                  DESTINATION__NAME                   duckdb
    [destination.duckdb] credentials    DESTINATION__DUCKDB__CREDENTIALS    warehouse/callmart.duckdb
    [destination.postgres] credentials  DESTINATION__POSTGRES__CREDENTIALS  secret, no default; or the section
        [destination.postgres.credentials] with host, port, username, password, database
    [destination.bigquery] credentials  DESTINATION__BIGQUERY__CREDENTIALS  secret, no default; or the section
        [destination.bigquery.credentials] with project_id, client_email, private_key
    [callmart] reporting_timezone       CALLMART__REPORTING_TIMEZONE        UTC
    [alerts] ping_url                   ALERTS__PING_URL                    none, never shown
    [alerts] webhook_url                ALERTS__WEBHOOK_URL                 none, never shown
    [alerts] stale_after_minutes        ALERTS__STALE_AFTER_MINUTES         120
    [privacy] identifier                PRIVACY__IDENTIFIER                 hash
    [privacy] name                      PRIVACY__NAME                       hash
    [privacy] contact                   PRIVACY__CONTACT                    hash
    [privacy] link                      PRIVACY__LINK                       drop
    [privacy] free_text                 PRIVACY__FREE_TEXT                  drop
    [privacy] network                   PRIVACY__NETWORK                    drop
    [privacy] columns                   PRIVACY__COLUMNS                    none
    [privacy] key                       PRIVACY__KEY                        secret, no default

Each is looked up under its full name only. dlt's own injection also tries shorter names (`SOURCES__USERNAME`,
then `USERNAME`), and many machines have a `USERNAME` of their own. Every other module takes a `Settings`; none
reads the environment.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from pipelines.alerts import Alerts
from pipelines.ccaip.pace import DEFAULT_LONGEST_RETRY_AFTER_SECONDS, DEFAULT_REQUESTS_PER_SECOND
from pipelines.ccaip.privacy.policy import SHORTEST_KEY, Action, Policy, PrivacyFilter, check_action
from pipelines.ccaip.tables import TABLES, Privacy
from pipelines.ccaip.windows import (
    DEFAULT_OVERLAP_SECONDS,
    DEFAULT_SETTLE_SECONDS,
    DEFAULT_START,
    parse_instant,
)
from pipelines.errors import ConfigurationError
from pipelines.home import Home
from pipelines.seeds import own_seeds

T = TypeVar("T")

_SCHEMAS = frozenset(
    {"ccaip", "ccaip_staging", "staging", "intermediate", "marts", "history", "seeds"}
    | {"main", "temp", "system", "information_schema", "pg_catalog"}
)
_CREDENTIALS: dict[str, tuple[str, ...]] = {
    "postgres": ("host", "port", "username", "password", "database", "query"),
    "bigquery": ("project_id", "client_email", "private_key", "token_uri", "location"),
}
_NEEDED = {
    "postgres": ("host", "username", "database"),
    "bigquery": ("project_id", "client_email", "private_key"),
}

FROM_THE_BEGINNING = parse_instant(DEFAULT_START)
DEFAULT_REJECTED_SHARE = 0.01


@dataclass(frozen=True)
class Settings:
    """The settings of loads and transforms. Instants are UTC, durations in seconds.

    `rejected_share` is from 0 to 1, `fatal_drift` are patterns of `table.field`. `privacy` is the
    privacy policy, `privacy_key` the key for pseudonyms; it is empty if not set.

    `base_url` has no trailing slash. `username` and `api_token` are opaque texts; `base_url` and both
    are empty when loaded with `need_api=False` and not set. `destination` is `duckdb`, `postgres` or
    `bigquery`; `warehouse` is the absolute path of the DuckDB file, which other destinations do not use,
    and `credentials` are those of the other destinations. `notices` are remarks for the user that are not
    errors.
    """

    warehouse: Path
    destination: str = "duckdb"
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)
    base_url: str = ""
    username: str = ""
    api_token: str = field(default="", repr=False)
    start_date: datetime = FROM_THE_BEGINNING
    requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND
    settle_seconds: float = DEFAULT_SETTLE_SECONDS
    overlap_seconds: float = DEFAULT_OVERLAP_SECONDS
    longest_retry_after_seconds: float = DEFAULT_LONGEST_RETRY_AFTER_SECONDS
    reporting_timezone: str = "UTC"
    rejected_share: float = DEFAULT_REJECTED_SHARE
    fatal_drift: tuple[str, ...] = ()
    privacy: Policy = field(default_factory=Policy)
    privacy_key: str = field(default="", repr=False)
    notices: tuple[str, ...] = ()

    @property
    def api(self) -> dict[str, Any]:
        """Arguments of `Client`: the API's address, credentials, rate and longest wait."""
        return {
            "base_url": self.base_url,
            "username": self.username,
            "api_token": self.api_token,
            "requests_per_second": self.requests_per_second,
            "longest_retry_after_seconds": self.longest_retry_after_seconds,
        }

    @property
    def warehouse_name(self) -> str:
        """The name of the warehouse for messages, without secrets."""
        if self.destination == "duckdb":
            return str(self.warehouse)
        if self.destination == "bigquery":
            return f"BigQuery's project {self.credentials.get('project_id', '')}"
        host, port = self.credentials.get("host", ""), self.credentials.get("port") or 5432
        return f"{self.credentials.get('database', '')} on {host}:{port} (Postgres)"

    def privacy_filter(self) -> PrivacyFilter:
        """The filter that applies the privacy policy. Raises `ConfigurationError` if it needs a key and there is none."""
        return PrivacyFilter(self.privacy, self.privacy_key)


@dataclass(frozen=True)
class _Key:
    """A setting's name.

    A `secret` is never shown and not read from config.toml. A `hidden` one is never shown.
    """

    section: str
    name: str
    secret: bool = False
    hidden: bool = False

    @property
    def variable(self) -> str:
        return "__".join((*self.section.split("."), self.name)).upper()

    @property
    def label(self) -> str:
        return f"[{self.section}] {self.name}"


_BASE_URL = _Key("sources.ccaip", "base_url")
_USERNAME = _Key("sources.ccaip", "username")
_API_TOKEN = _Key("sources.ccaip", "api_token", secret=True)
PRIVACY_KEY = _Key("privacy", "key", secret=True)
_EXAMPLES = {
    _BASE_URL: "https://acme.uc1.ccaiplatform.com",
    _USERNAME: "acme",
    _API_TOKEN: "the token",
}


def load_settings(home: Home, *, need_api: bool) -> Settings:
    """The settings of `home`, which must be active (`home.activate()`).

    Raises `ConfigurationError` when one is wrong, or, with `need_api`, when the API's address or
    credentials are missing; the error names all that are missing, and where each was looked for.
    """
    own_seeds(home.seeds_dir)  # a mistake there is told before anything is read or built
    nowhere: tuple[str, tuple[str, ...]] = ("", ())
    base_url, notices = _read(_BASE_URL, _base_url, nowhere)
    destination = _read(_Key("destination", "name"), _destination, "duckdb")
    settings = Settings(
        warehouse=_read(
            _Key("destination.duckdb", "credentials"), lambda value: _warehouse(value, home), home.warehouse
        ),
        destination=destination,
        credentials={} if destination == "duckdb" else _credentials(destination),
        base_url=base_url,
        username=_read(_USERNAME, _text, ""),
        api_token=_read(_API_TOKEN, _text, ""),
        start_date=_read(_Key("sources.ccaip", "start_date"), parse_instant, FROM_THE_BEGINNING),
        requests_per_second=_read(
            _Key("sources.ccaip", "requests_per_second"), _positive, DEFAULT_REQUESTS_PER_SECOND
        ),
        settle_seconds=_read(_Key("sources.ccaip", "settle_seconds"), _not_negative, DEFAULT_SETTLE_SECONDS),
        overlap_seconds=_read(
            _Key("sources.ccaip", "overlap_seconds"), _not_negative, DEFAULT_OVERLAP_SECONDS
        ),
        longest_retry_after_seconds=_read(
            _Key("sources.ccaip", "longest_retry_after_seconds"),
            _not_negative,
            DEFAULT_LONGEST_RETRY_AFTER_SECONDS,
        ),
        reporting_timezone=_read(_Key("callmart", "reporting_timezone"), _timezone, "UTC"),
        rejected_share=_read(_Key("sources.ccaip", "rejected_share"), _share, DEFAULT_REJECTED_SHARE),
        fatal_drift=_read(_Key("sources.ccaip", "fatal_drift"), _fields, ()),
        privacy=_policy(),
        privacy_key=_read(PRIVACY_KEY, _pseudonym_key, ""),
        notices=notices,
    )
    if need_api:
        require_api(settings, home)
    return settings


def load_alerts() -> Alerts:
    """Where alerts go. Read separately, so that an error in another setting can be sent as an alert."""
    return Alerts(
        _read(_Key("alerts", "ping_url", hidden=True), _alert_url, ""),
        _read(_Key("alerts", "webhook_url", hidden=True), _alert_url, ""),
        timedelta(minutes=_read(_Key("alerts", "stale_after_minutes"), _positive, 120.0)),
    )


def require_api(settings: Settings, home: Home) -> None:
    """Raise `ConfigurationError` when the API's address or credentials are missing."""
    given = {
        _BASE_URL: settings.base_url,
        _USERNAME: settings.username,
        _API_TOKEN: settings.api_token,
    }
    if missing := [key for key, value in given.items() if not value]:
        raise _missing(missing, home)


def _policy() -> Policy:
    """The privacy policy: the actions that are set per class and per column, defaults for the rest.

    An unknown name is an error: otherwise a misspelt class would silently keep its default.
    """
    names = [each.value for each in Privacy if each is not Privacy.NONE]
    for name in _names_in("privacy"):
        if name not in (*names, "columns", PRIVACY_KEY.name):
            raise ConfigurationError(
                f"[privacy] {name} is not a setting.",
                f"The settings are {', '.join(names)}, columns and key.",
            )
    classes: dict[Privacy, Action] = {
        each: action
        for each in Privacy
        if each is not Privacy.NONE and (action := _read(_Key("privacy", each.value), _action, None))
    }
    return Policy(classes, _read(_Key("privacy", "columns"), _actions, {}))


def _credentials(destination: str) -> dict[str, Any]:
    """The credentials of a destination from dlt's own section. None of their values is shown in an error."""
    section = f"destination.{destination}"
    given, _ = _look_up(_Key(section, "credentials", secret=True))
    mend = f"Set them in .dlt/secrets.toml under [{section}.credentials]: {', '.join(_CREDENTIALS[destination])}."
    if isinstance(given, str):
        found = _credentials_in_text(destination, given.strip(), mend)
    else:
        found = dict(given) if isinstance(given, Mapping) else {}
        for name in _CREDENTIALS[destination]:
            value, _ = _look_up(
                _Key(f"{section}.credentials", name, secret=name in ("password", "private_key"))
            )
            if value is not None:  # a mounted secret mostly ends with a line end
                found[name] = value.rstrip("\r\n") if isinstance(value, str) else value
    location, _ = _look_up(_Key(section, "location"))
    if destination == "bigquery" and location is not None:
        found.setdefault("location", location)  # dlt has it beside the credentials
    if missing := [name for name in _NEEDED[destination] if not found.get(name)]:
        raise ConfigurationError(f"[{section}.credentials]: {', '.join(missing)} not set.", mend)
    if not str(found.get("port") or 0).isdigit():
        raise ConfigurationError(f"[{section}.credentials] port is not a number.", mend)
    return found


def _credentials_in_text(destination: str, text: str, mend: str) -> dict[str, Any]:
    """Credentials given as a connection string (Postgres), or as the JSON of a service account (BigQuery)."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    unreadable = ConfigurationError(f"[destination.{destination}] credentials cannot be read.", mend)
    if destination == "bigquery":
        try:
            found = json.loads(text)
        except ValueError:
            raise unreadable from None
        if not isinstance(found, dict):
            raise unreadable
        return found
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise unreadable from None
    if not url.drivername.startswith(("postgres", "postgresql")):
        raise unreadable
    parts = {"host": url.host, "port": url.port, "username": url.username, "password": url.password}
    return {**parts, "database": url.database, "query": dict(url.query)}


# --- looking up -----------------------------------------------------------------------------------


def _read(key: _Key, parse: Callable[[Any], T], default: T) -> T:
    """The setting's value from the first place that has one, parsed; else `default`."""
    value, place = _look_up(key)
    if value is None or value == "":
        return default
    try:
        return parse(value)
    except ValueError as error:
        # Somebody may have typed https://user:token@host.
        shown = "" if key.secret or key.hidden or "@" in str(value) else f" {value!r}"
        raise ConfigurationError(
            f"{key.label}{shown} (from {place}) {error}.",
            f"Set it in .dlt/config.toml under [{key.section}], or as {key.variable}.",
        ) from None


def _look_up(key: _Key) -> tuple[Any, str]:
    """The raw value and where it was found, from dlt's providers in dlt's order."""
    import dlt
    from dlt.common.typing import TSecretStrValue

    providers = (dlt.secrets if key.secret else dlt.config).config_providers
    hint = TSecretStrValue if key.secret or key.hidden else str
    for provider in providers:
        if provider.is_empty:
            continue
        value, found_as = provider.get_value(key.name, hint, None, *key.section.split("."))
        if value is not None:
            return value, " or ".join(provider.present_locations) or found_as
    return None, ""


def _names_in(section: str) -> set[str]:
    """The names of the settings that the files have in a section."""
    import dlt

    names: set[str] = set()
    for provider in dlt.config.config_providers:
        value = None if provider.is_empty else provider.get_value(section, dict, None)[0]
        names |= set(value) if isinstance(value, Mapping) else set()
    return names


def _places(key: _Key, home: Home) -> list[str]:
    """The places where a setting is looked for, in order."""
    places = [f"the environment variable {key.variable}", str(home.settings_dir / "secrets.toml")]
    if key.secret:
        mounted = key.variable.lower().replace("_", "-")
        return [f"the mounted secret /run/secrets/{mounted}", *places]
    return [*places, str(home.settings_dir / "config.toml")]


def _missing(keys: list[_Key], home: Home) -> ConfigurationError:
    names = ", ".join(key.label for key in keys)
    looked = "\n".join(f"  {key.name}: {', then '.join(_places(key, home))}" for key in keys)
    lines = "\n".join(f'  {key.name} = "{_EXAMPLES[key]}"' for key in keys)
    exports = "\n".join(f"  export {key.variable}='{_EXAMPLES[key]}'" for key in keys)
    return ConfigurationError(
        f"Not set: {names}.\nLooked for, in this order:\n{looked}",
        f"In {home.settings_dir / 'secrets.toml'} (start from .dlt/example.secrets.toml):\n"
        f"  [{keys[0].section}]\n{lines}\nor in the environment:\n{exports}",
    )


# --- parsing: an error is the end of a sentence that starts with the setting's name -----------------


def _text(value: Any) -> str:
    return str(value).strip()


def _destination(value: Any) -> str:
    name = _text(value).lower()
    if name not in ("duckdb", *_CREDENTIALS):
        raise ValueError(f"is not one of duckdb, {', '.join(_CREDENTIALS)}")
    return name


def _base_url(value: Any) -> tuple[str, tuple[str, ...]]:
    """Scheme and host, and a notice if credentials would be sent unencrypted."""
    text = _text(value)
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or not _has_port_or_none(url):
        raise ValueError("is not an address such as https://acme.uc1.ccaiplatform.com")
    if url.username or url.password:
        raise ValueError("must not contain credentials: set username and api_token instead")
    if url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError("must be scheme and host only: callmart adds the API's path")
    if url.scheme == "http" and not _is_loopback(url.hostname):
        return text.rstrip("/"), (
            f"{text} is not encrypted: the API token is sent in clear text. Use https.",
        )
    return text.rstrip("/"), ()


def _has_port_or_none(url: SplitResult) -> bool:
    try:
        return url.port is None or url.port > 0
    except ValueError:
        return False


def _alert_url(value: Any) -> str:
    """An address without a trailing slash."""
    url = urlsplit(_text(value))
    if url.scheme not in ("http", "https") or not url.hostname or not _has_port_or_none(url):
        raise ValueError("is not an http(s) address")
    return _text(value).rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _number(value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("is not a number")
    return number


def _positive(value: Any) -> float:
    if (number := _number(value)) <= 0:
        raise ValueError("must be greater than 0")
    return number


def _not_negative(value: Any) -> float:
    if (number := _number(value)) < 0:
        raise ValueError("must be 0 or more")
    return number


def _share(value: Any) -> float:
    if not 0 <= (number := _number(value)) <= 1:
        raise ValueError("must be from 0 (none) to 1 (all)")
    return number


def _fields(value: Any) -> tuple[str, ...]:
    """Patterns of `table.field`: a list in a file, comma-separated in the environment."""
    given = value if isinstance(value, (list, tuple)) else _text(value).strip("[]").split(",")
    patterns = tuple(_text(each).strip("\"'") for each in given)
    for pattern in patterns:
        table, dot, field = pattern.partition(".")
        if not dot or not field or not any(fnmatchcase(name, table) for name in TABLES):
            raise ValueError(
                f"has {pattern or 'an empty text'}, which is not a field of a raw table such as calls.status or transfers.*"
            )
    return patterns


def _action(value: Any) -> Action:
    try:
        return Action(_text(value).lower())
    except ValueError:
        raise ValueError(f"is not one of {', '.join(Action)}") from None


def _actions(value: Any) -> dict[str, Action]:
    """Columns and their actions: a table in a file, `calls.email=keep,photos.url=mask` in the environment."""
    if isinstance(value, str):
        pairs = (each.partition("=") for each in value.split(",") if each.strip())
        value = {name.strip(): action for name, _, action in pairs}
    if not isinstance(value, Mapping):
        raise ValueError('is not a table of columns, such as "calls.email" = "keep"')
    given: dict[str, Any] = {}
    for name, inner in value.items():
        # in TOML, calls.email = "keep" without quotes is a nested table
        given |= (
            {f"{name}.{each}": inner[each] for each in inner} if isinstance(inner, Mapping) else {name: inner}
        )
    actions = {name: _action(action) for name, action in given.items()}
    for name, action in actions.items():
        check_action(name, action)
    return actions


def _pseudonym_key(value: Any) -> str:
    key = _text(value)
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"is too short: it must have at least {SHORTEST_KEY} characters")
    return key


def _timezone(value: Any) -> str:
    try:
        return ZoneInfo(_text(value)).key
    except (ValueError, OSError, LookupError):
        raise ValueError("is not an IANA time zone such as Europe/Berlin or America/New_York") from None


def _warehouse(value: Any, home: Home) -> Path:
    """A path, `duckdb:///path`, or dlt's table form with `database`; relative to the home."""
    if isinstance(value, Mapping):
        value = value.get("database", "")
    path = _text(value).removeprefix("duckdb:///")
    if not path or "://" in path or path.startswith((":", "md:", "motherduck:")):
        raise ValueError("is not the path of a DuckDB file, such as warehouse/callmart.duckdb")
    if (stem := Path(path).stem).lower() in _SCHEMAS:
        # DuckDB names the database after the file; ccaip.calls could then mean ccaip.ccaip.calls
        raise ValueError(f"must not be named {stem}.*, because that is also the name of a schema")
    file = (home.root / Path(path).expanduser()).resolve()
    if file.is_dir():
        raise ValueError("is a folder and must be a file, such as warehouse/callmart.duckdb")
    return file
