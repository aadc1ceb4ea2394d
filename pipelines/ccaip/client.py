"""Requests to the calls API: authenticated, paced and retried.

Each request returns a `Page`: calls as bytes, of which only the id and two times are parsed. Failures that may pass
(429, 5xx, time-outs, resets, truncated or non-JSON bodies) are retried with growing, jittered pauses. Others (401,
403, 404, 422, …) stop at once with a fix. `Retry-After` is honoured up to a limit; beyond it the load ends and says
when to run it again. No error contains a credential, a query or a body.

`updated_at[from]` is inclusive (vendor). Whether `updated_at[to]` is inclusive is not documented, so it is only used
to count, never to limit what is read.
"""

from __future__ import annotations

import copy
import importlib.util
import os
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import httpx
import tenacity

from pipelines.ccaip.pace import DEFAULT_LONGEST_RETRY_AFTER_SECONDS, Pace
from pipelines.ccaip.page import FetchedCall, NoPage, read_calls
from pipelines.errors import ApiError, ConfigurationError

CALLS_PATH = "/manager/api/v1/calls"
PER_PAGE = 100
"""The API's own maximum; larger values silently become 100 (vendor)."""

By = Literal["updated_at", "queued_at"]
"""The timestamp that calls are selected and sorted by."""

_TRIES = 8
_LONGEST_PAUSE_SECONDS = 60.0
_PROXY_FORM = "Write it as http://host:port."
_HIGHEST_PORT = 65_535
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)  # large pulls are slow at the source
_CHECK_ADDRESS = "Check [sources.ccaip] base_url, and that this machine can reach that address."
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 522, 524})
_MENDS = {
    401: "Check [sources.ccaip] username and api_token: the API does not accept them.",
    402: "The vendor reports an unpaid account: ask whoever manages the contract.",
    403: "The credentials are valid, but may not read calls: give the token that permission.",
    407: "Check the user and password in HTTP_PROXY or HTTPS_PROXY: the proxy does not accept them.",
    404: "Check [sources.ccaip] base_url: only scheme and host of the tenant.",
    422: "The API refused the query itself: please report this, with callmart's version.",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One response. `total` is None if the header is missing; `server_time` is the `Date` header."""

    calls: list[FetchedCall]
    total: int | None
    has_next: bool
    server_time: datetime | None


class _Transient(Exception):
    """A failure to retry. `pause` is how long the server asked to wait, in seconds."""

    def __init__(self, what: str, pause: float | None = None, *, is_unreachable: bool = False) -> None:
        super().__init__(what)
        self.pause = pause
        self.is_unreachable = is_unreachable


@dataclass
class RequestCounts:
    """Counts of a client: requests, retries, 429 responses, bytes of bodies."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    bytes: int = 0

    def add(self, other: RequestCounts) -> None:
        """Add the counts of `other`."""
        self.requests += other.requests
        self.retries += other.retries
        self.throttled += other.throttled
        self.bytes += other.bytes


def _certificates() -> ssl.SSLContext:
    """The trusted certificate authorities."""
    return _trusting(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))


@cache  # reading them takes a tenth of a second
def _trusting(file: str, folder: str) -> ssl.SSLContext:
    """The context for SSL_CERT_FILE, or else SSL_CERT_DIR."""
    if folder and not file and not Path(folder).is_dir():
        raise _unreadable("SSL_CERT_DIR", "It must be a folder of certificates.")
    try:
        return httpx.create_ssl_context()
    except OSError:  # includes ssl.SSLError
        if file and not _holds_certificates(file):
            raise _unreadable("SSL_CERT_FILE", "It must be a PEM file of certificates.") from None
        raise _unreadable("SSLKEYLOGFILE", "It must be a file that can be written.") from None


def _holds_certificates(file: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except OSError:
        return False
    return True


def _connections(base_url: str, username: str, api_token: str) -> httpx.Client:
    """A pool of connections. Raises `ConfigurationError` naming the setting or variable that cannot be read."""
    try:
        address = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise _wrong_base_url() from None
    _check_proxies()
    try:
        return httpx.Client(
            base_url=address,
            auth=httpx.BasicAuth(username, api_token),
            headers={"Accept": "application/json", "User-Agent": "callmart"},
            timeout=_TIMEOUT,
            verify=_certificates(),
            follow_redirects=False,  # a redirect could carry the credentials to another host
        )
    except (httpx.InvalidURL, ValueError):  # raised by httpx for NO_PROXY
        raise _unreadable(
            next((name for name in os.environ if name.lower() == "no_proxy"), "NO_PROXY"),
            "Write it as comma-separated names and addresses, such as localhost,.example.com,10.0.0.1; "
            "IPv6 networks (fd00::/8) are not supported.",
        ) from None


def _check_proxies() -> None:
    """Raise an error that names a proxy variable httpx cannot use, without its value, which may contain a password."""
    for name, value in os.environ.items():
        if not value or name.lower() not in ("http_proxy", "https_proxy", "all_proxy"):
            continue
        try:
            proxy = httpx.Proxy(value if "://" in value else f"http://{value}").url
        except (httpx.InvalidURL, ValueError):
            raise _unreadable(name, _PROXY_FORM) from None
        if proxy.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
            raise _unreadable(
                name, "A SOCKS proxy needs the package socksio: `pip install socksio`. Or use an HTTP proxy."
            )
        # httpx quotes what no host can contain
        if not proxy.host or "%" in proxy.host or (proxy.port or 0) > _HIGHEST_PORT:
            raise _unreadable(name, _PROXY_FORM)


def _unreadable(variable: str, mend: str) -> ConfigurationError:
    return ConfigurationError(f"The environment variable {variable} cannot be used.", mend)


def _wrong_base_url() -> ConfigurationError:
    return ConfigurationError(
        "[sources.ccaip] base_url is not an http(s) address.",
        "Set scheme and host, such as https://acme.uc1.ccaiplatform.com.",
    )


class Client:
    """A connection to one tenant's API. Close it, or use it in a `with` block.

    Several threads may send requests at once, each through its own `counting()`. `on_unreachable` is called once, with
    a sentence, when no connection can be made and the client begins to retry.
    """

    def __init__(
        self,
        *,
        base_url: str,
        username: str,
        api_token: str,
        requests_per_second: float = 10.0,
        per_page: int = PER_PAGE,
        longest_pause_seconds: float = _LONGEST_PAUSE_SECONDS,
        longest_retry_after_seconds: float = DEFAULT_LONGEST_RETRY_AFTER_SECONDS,
        on_unreachable: Callable[[str], None] | None = None,
    ) -> None:
        if not base_url:
            raise ConfigurationError(
                "[sources.ccaip] base_url is not set.", "Set the tenant's scheme and host."
            )
        self._http = _connections(base_url, username, api_token)
        self._pace = Pace(requests_per_second)
        self._longest_pause = longest_pause_seconds
        self._longest_retry_after = longest_retry_after_seconds
        self._address = f"{self._http.base_url.scheme}://{self._http.base_url.netloc.decode()}"
        self._on_unreachable = [on_unreachable] if on_unreachable else []  # emptied by the first call
        self.per_page = per_page
        self.requests_per_second = requests_per_second
        self.counts = RequestCounts()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def counting(self) -> Client:
        """A client with the same connection and pace, but its own counts, from zero."""
        other = copy.copy(self)
        other.counts = RequestCounts()
        return other

    def calls_since(self, since: datetime, *, by: By = "updated_at", page: int = 1) -> Page:
        """A page of calls updated (or queued) at or after `since` (UTC), oldest first."""
        return self._get({f"{by}[from]": _instant(since), "page": page, "per": self.per_page}, by)

    def calls_by_id(self, ids: Sequence[int]) -> list[FetchedCall]:
        """The calls with these ids that the API has. At most a page of ids."""
        if len(ids) > self.per_page:
            raise ValueError(f"{len(ids)} ids are more than one page")
        return self._get({"id[]": list(ids), "page": 1, "per": self.per_page}).calls

    def count(self, since: datetime, until: datetime, *, by: By = "updated_at") -> int | None:
        """The API's count of calls that were updated (or queued) between the two (UTC).

        None if it gives no count.
        """
        bounds = {f"{by}[from]": _instant(since), f"{by}[to]": _instant(until)}
        return self._get(bounds | {"page": 1, "per": 1}, by).total

    def server_now(self) -> datetime:
        """The server's clock (UTC). Windows are closed by it, because this machine's clock may be wrong."""
        answer = self._get({"page": 1, "per": 1})
        if answer.server_time is None:
            raise ApiError(
                "The API's responses have no Date header, so callmart cannot know up to when calls are complete.",
                "A proxy between callmart and the API may remove it: let the header pass.",
            )
        return answer.server_time

    def _get(self, parameters: dict[str, Any], by: By = "updated_at") -> Page:
        # sort_column and sort_direction work but are not documented; always both (vendor)
        query = parameters | {"sort_column": by, "sort_direction": "ASC"}
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Transient),
            stop=tenacity.stop_after_attempt(_TRIES),
            wait=self._pause(),
            reraise=True,
        )
        try:
            return retrying(self._try, query)
        except _Transient as error:
            if error.is_unreachable:
                raise ApiError(
                    f"There is no connection to {self._address} after {_TRIES} tries: {error}.",
                    f"{_CHECK_ADDRESS} Nothing that was loaded is lost: the next run continues from there.",
                ) from None
            raise ApiError(
                f"The API did not answer properly in {_TRIES} tries; the last time: {error}.",
                "Nothing that was loaded is lost: the next run continues from there. "
                "If this persists, ask the vendor or lower [sources.ccaip] requests_per_second.",
            ) from None

    def _pause(self) -> Callable[[tenacity.RetryCallState], float]:
        growing = tenacity.wait_exponential_jitter(multiplier=0.5, max=self._longest_pause, jitter=0.5)

        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.pause if isinstance(error, _Transient) else None
            # a Retry-After of 0 must not use up all tries at once
            return max(asked or 0.0, growing(state))

        return pause

    def _try(self, query: dict[str, Any]) -> Page:
        answer = self._send(query)
        if answer.status_code == 204:  # nothing new
            return Page([], _number(answer.headers.get("Total")), False, _date(answer.headers.get("Date")))
        if answer.status_code != 200:
            self._refused(answer)
        return self._read(answer)

    def _send(self, query: dict[str, Any]) -> httpx.Response:
        with self._pace.request() as sending:

            def note(event: str, _: Mapping[str, Any]) -> None:
                if event == "http11.send_request_headers.complete":
                    sending.sent()

            self.counts.requests += 1
            try:
                return self._http.get(CALLS_PATH, params=query, extensions={"trace": note})
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError):
                raise _wrong_base_url() from None
            except (httpx.TransportError, httpx.DecodingError) as error:
                if refusal := _distrust(error):
                    raise refusal from None
                self.counts.retries += 1
                is_unreachable = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if is_unreachable:
                    self._report_unreachable(error)
                raise _Transient(
                    f"{type(error).__name__} ({_about(error)})", is_unreachable=is_unreachable
                ) from None

    def _report_unreachable(self, error: httpx.RequestError) -> None:
        try:
            report = self._on_unreachable.pop()
        except IndexError:  # reported before, perhaps by another thread
            return
        report(f"no connection to {self._address} ({_about(error)}), trying again. {_CHECK_ADDRESS}")

    def _refused(self, answer: httpx.Response) -> None:
        """Raise the error for the status: one that is retried, or one that is not."""
        status = answer.status_code
        if status in _RETRIED:
            self.counts.retries += 1
            pause = _retry_after(answer) if status in (429, 503) else None
            if pause is not None and pause > self._longest_retry_after:
                raise _comes_back_late(status, pause, self._longest_retry_after)
            if status == 429:
                self.counts.throttled += 1
                self._pace.slow_down(pause)
            raise _Transient(f"status {status}", pause)
        mend = _MENDS.get(
            status, "Check [sources.ccaip] base_url and the vendor's documentation of this status."
        )
        raise ApiError(f"The API answered {status} ({answer.reason_phrase}).", mend)

    def _read(self, answer: httpx.Response) -> Page:
        self.counts.bytes += len(answer.content)
        try:
            calls = read_calls(answer.content)
        except NoPage:
            self.counts.retries += 1
            raise _Transient("status 200 with a body that is not a list of calls") from None
        return Page(
            calls=calls,
            total=_number(answer.headers.get("Total")),
            has_next=answer.links.get("next") is not None,
            server_time=_date(answer.headers.get("Date")),
        )


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text) else None


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds to wait, from a `Retry-After` of seconds or of a date (by the server's own clock)."""
    text = answer.headers.get("Retry-After", "").strip()
    if (seconds := _number(text)) is not None:
        return float(seconds)
    moment, now = _date(text), _date(answer.headers.get("Date")) or datetime.now(UTC)
    return max(0.0, (moment - now) / timedelta(seconds=1)) if moment else None


def _comes_back_late(status: int, pause: float, longest: float) -> ApiError:
    try:
        when = f"{datetime.now(UTC) + timedelta(seconds=pause):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        when = "the end of the calendar"
    return ApiError(
        f"The API answered {status} and asks not to be called before {when} "
        f"(in {pause:.0f} s; [sources.ccaip] longest_retry_after_seconds is {longest:.0f}).",
        f"Run this again after {when}: it continues from there. Nothing that was loaded is lost.",
    )


def _distrust(error: BaseException) -> ConfigurationError | None:
    """The error for an untrusted certificate, which a retry would not change; None for other errors."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ConfigurationError(
                f"The certificate of the API or the proxy is not trusted: {cause.verify_message}.",
                "If a proxy inspects the traffic, set SSL_CERT_FILE to a PEM file with its authority "
                "(callmart does not read REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE). Otherwise check [sources.ccaip] base_url.",
            )
        cause = cause.__cause__ or cause.__context__
    return None


def _about(error: httpx.RequestError) -> str:
    """The error's message without URLs, which contain the query or a proxy's credentials."""
    return re.sub(r"\S+://\S+", "…", str(error)) or "no details"
