"""Send alerts when scheduled commands fail or do not run.

    [alerts] ping_url             GET <ping_url>/start, then <ping_url>/<exit code>: a monitor such as healthchecks
                                  notices when a command fails or when the scheduler is dead
    [alerts] webhook_url          POST {"text": …} (Slack's format) when a command fails with 1, 2, 5 or 6, when
                                  no load has been complete for stale_after_minutes, and on recovery
    [alerts] stale_after_minutes  default 120

A message is sent once per change of state, not once per run; one that was not accepted is sent again by the next
run. It contains the command, the exit code and times, and nothing from the calls. An alert that cannot be sent is
logged. Alerts never change a command's exit code, and delay a command by two seconds at most in total.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.home import Home
from pipelines.runs import write_whole

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 2.0
ALERTED = {
    1: "it failed",
    2: "a setting is wrong",
    5: "data was loaded, but a check failed",
    6: "dbt failed; the raw tables are complete",
}
"""The exit codes that a message is sent for, and what they mean."""
_OK = "ok"
_STALE = "stale"
_CALLS = "calls"  # key of the state of the data, next to the commands


@dataclass
class Alerts:
    """The addresses alerts are sent to. An empty address disables its alert."""

    ping_url: str = field(default="", repr=False)
    webhook_url: str = field(default="", repr=False)
    stale_after: timedelta = timedelta(hours=2)
    _start: threading.Thread | None = field(default=None, init=False, repr=False)

    def started(self) -> None:
        """Tell the monitor that a command has started. Does not wait for the response."""
        if self.ping_url:
            self._start = _in_background(lambda: _sent("GET", f"{self.ping_url}/start"))

    def finished(
        self, home: Home, command: str, exit_code: int, loaded_until: datetime | None, now: datetime
    ) -> None:
        """Report the exit code to the monitor and changes of state to the webhook.

        `loaded_until` is the end of the last complete load (UTC), None if there was none. Takes at most two
        seconds.
        """
        threads = []
        if self.ping_url:
            threads.append(_in_background(lambda: self._ping(exit_code)))
        if self.webhook_url:
            file = home.lock_file.with_name("alerts.json")
            told = _read_states(file)
            states = self._states(command, exit_code, loaded_until, now)
            changed = [name for name, (state, _) in states.items() if state != told.get(name, _OK)]
            text = "\n".join(states[name][1] for name in changed)
            told |= {name: states[name][0] for name in changed}
            if text:
                threads.append(_in_background(lambda: self._report(file, told, text)))
        deadline = time.monotonic() + LIMIT_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                logger.warning("an alert was given up after %.0f s", LIMIT_SECONDS)

    def _ping(self, exit_code: int) -> None:
        if self._start:
            self._start.join(
                LIMIT_SECONDS
            )  # if the start arrived last, the monitor would take the command as running
        _sent("GET", f"{self.ping_url}/{exit_code}")

    def _report(self, file: Path, states: dict[str, str], text: str) -> None:
        if _sent("POST", self.webhook_url, {"text": text}):
            write_whole(file, json.dumps(states))

    def _states(
        self, command: str, exit_code: int, loaded_until: datetime | None, now: datetime
    ) -> dict[str, tuple[str, str]]:
        """The states of the command and of the data that this run determines, each with a sentence."""
        states: dict[str, tuple[str, str]] = {}
        if exit_code in ALERTED:
            states[command] = (
                f"exit {exit_code}",
                f"`callmart {command}` ended with exit code {exit_code}: {ALERTED[exit_code]}. "
                "See `callmart status`.",
            )
        elif exit_code == 0:
            states[command] = (_OK, f"`callmart {command}` works again.")
        if loaded_until:
            lag, until = now - loaded_until, f"{loaded_until:%Y-%m-%d %H:%M} UTC"
            states[_CALLS] = (
                (_STALE, f"The calls are {_in_words(lag)} old: the last complete load reached {until}.")
                if lag > self.stale_after
                else (_OK, f"The calls are up to date again: the last load reached {until}.")
            )
        return states


def _read_states(file: Path) -> dict[str, str]:
    """The states that were reported last, by command. A missing or damaged file has none."""
    try:
        states = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(state) for name, state in states.items()} if isinstance(states, dict) else {}


def _in_words(lag: timedelta) -> str:
    minutes = lag // timedelta(minutes=1)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _in_background(send: Callable[[], object]) -> threading.Thread:
    """Run `send` in a thread that does not keep the process alive."""
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def _sent(method: str, url: str, body: dict[str, str] | None = None) -> bool:
    """Send a request and return whether it was accepted. Errors are logged by class, since the address may be a secret."""
    import httpx

    try:
        answer = httpx.request(method, url, json=body, timeout=LIMIT_SECONDS)
    except Exception as error:  # an alert must not make a command fail
        logger.warning("an alert could not be sent: %s", type(error).__name__)
        return False
    if not answer.is_success:
        logger.warning("an alert was not accepted: status %s", answer.status_code)
    return answer.is_success
