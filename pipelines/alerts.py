"""Tell somebody when scheduled runs fail, or do not happen.

    [alerts] ping_url             GET <ping_url>/start, then <ping_url>/<exit code>: a monitor such as healthchecks
                                  notices when a run fails or when the scheduler is dead
    [alerts] webhook_url          POST {"text": …} (Slack's format) when a run fails with 1, 2, 5 or 6, when the
                                  calls are older than stale_after_minutes, and when all is well again
    [alerts] stale_after_minutes  default 120

A message is sent once per state, not once per run. It holds the command, the exit code and the times, and
nothing from the calls. An alert that cannot be sent is logged; it takes two seconds at most and never changes
a command's exit code.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.home import Home
from pipelines.runs import write_whole

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 2.0
ALERTED = {
    1: "it failed",
    2: "a setting is wrong",
    5: "data landed, but a check says not to trust it",
    6: "dbt failed; the raw tables are whole",
}
"""The exit codes that a message is sent for, and what they mean."""
_OK = "ok"
_STALE = "stale"


@dataclass(frozen=True)
class Alerts:
    """Where alerts go; an empty address sends nothing."""

    ping_url: str = ""
    webhook_url: str = ""
    stale_after: timedelta = timedelta(hours=2)

    def started(self) -> None:
        """Tell the monitor that a scheduled command has started."""
        if self.ping_url:
            _send("GET", f"{self.ping_url}/start")

    def finished(
        self, home: Home, command: str, exit_code: int, tail_until: datetime | None, now: datetime
    ) -> None:
        """Tell the monitor how the command ended, and the webhook if the state has changed.

        `tail_until` is up to when changes are loaded (UTC); None if that is not known. The caller holds the
        home's lock.
        """
        if self.ping_url:
            _send("GET", f"{self.ping_url}/{exit_code}")
        if self.webhook_url:
            self._report_change(home, command, exit_code, tail_until, now)

    def _report_change(
        self, home: Home, command: str, exit_code: int, tail_until: datetime | None, now: datetime
    ) -> None:
        state_file = home.lock_file.with_name("alert_state")
        before = state_file.read_text() if state_file.exists() else _OK
        lag = now - tail_until if tail_until else None
        if exit_code in ALERTED:
            state = f"exit {exit_code}"
            text = f"`callmart {command}` ended with exit code {exit_code}: {ALERTED[exit_code]}. See `callmart status`."
        elif lag is not None and lag > self.stale_after:
            state = _STALE
            text = (
                f"The calls are {_hours(lag)} old: changes are loaded up to {tail_until:%Y-%m-%d %H:%M} UTC."
            )
        elif exit_code == 0:
            state = _OK
            text = f"`callmart {command}` works again."
        else:
            return  # 3, 4, 130, 143: the next run decides
        if state == before:
            return
        if _send("POST", self.webhook_url, {"text": text}):
            write_whole(state_file, state)


def _hours(lag: timedelta) -> str:
    minutes = lag // timedelta(minutes=1)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _send(method: str, url: str, body: dict[str, str] | None = None) -> bool:
    """Send a request in a thread that is not waited for longer than the limit; whether it was accepted."""
    accepted = threading.Event()
    thread = threading.Thread(target=_request, args=(method, url, body, accepted), daemon=True)
    thread.start()
    thread.join(LIMIT_SECONDS)
    if not accepted.is_set():
        logger.warning("an alert could not be sent in %s s", LIMIT_SECONDS)
    return accepted.is_set()


def _request(method: str, url: str, body: dict[str, str] | None, accepted: threading.Event) -> None:
    import httpx

    try:
        if httpx.request(method, url, json=body, timeout=LIMIT_SECONDS).is_success:
            accepted.set()
    except Exception as error:  # an alert is never a cause of failure; the address may hold a secret
        logger.warning("an alert failed: %s", type(error).__name__)
