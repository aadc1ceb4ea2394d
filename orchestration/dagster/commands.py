"""callmart's commands as steps of a Dagster run.

A step does what the command does: it takes the home's lock, writes the record of runs and sends the alerts. How the
command would have ended decides what becomes of the step:

    exit code 4          skipped: nothing is materialised, and what comes after is skipped too
    exit codes 1 and 3   tried again a few times (not for dbt), then failed
    any other            failed at once

A process that was stopped from outside (130, 143) is Dagster's to start again: `run_retries` in `dagster.yaml`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dagster as dg

from pipelines.cli.context import Work, exit_code_of, working
from pipelines.errors import CallmartError, LockedError, QualityError, explained, safe_message
from pipelines.home import Home
from pipelines.runs import utc_now
from pipelines.settings import load_alerts

logger = logging.getLogger("pipelines.dagster")

POOL = "warehouse"
"""The concurrency pool of every step that writes; `dagster.yaml` lets one run at a time have it."""
RETRIED = frozenset({1, 3})
_TERMINATED = 143
_WITHOUT_RECORD = frozenset({"backfill", "publish"})  # commands that send no alert by themselves


class Retries(dg.ConfigurableResource):
    """How often a step is tried again, and how long it waits before that (seconds)."""

    most: int = 2
    wait_seconds: float = 60.0


def steps(
    context: Any,
    command: str,
    body: Callable[[Work], Iterator[Any]],
    *,
    need_api: bool = False,
    retries: Retries | None = None,
    quality_is_checked: bool = False,
) -> Iterator[Any]:
    """What `body` yields, under the home's lock. Ends with `Failure` or `RetryRequested`, or early when another
    callmart holds the lock.

    With `quality_is_checked` a `QualityError` is told by an asset check that `body` yields, and does not fail the step.
    """
    try:
        with working(command, need_api=need_api) as work, _terminations():
            yield from body(work)
            if command in _WITHOUT_RECORD:
                tell(work.home, command, 0)
        return
    except LockedError as error:
        context.log.warning(f"Skipped: {error}")
        return
    except SystemExit:
        ended: BaseException = dg.DagsterExecutionInterruptedError()
    except Exception as error:
        if quality_is_checked and isinstance(error, QualityError):
            context.log.error(f"{error} {error.mend}")
            return
        ended = _failure(context, command, error, retries)
    # Outside of the block: Dagster stores all exceptions of a chain, and the messages of some can quote calls.
    raise ended


def tell(home: Home, command: str, exit_code: int) -> None:
    """Send the webhook's message about a command that ended outside of callmart, if its state has changed."""
    replace(load_alerts(), ping_url="").finished(home, command, exit_code, None, utc_now())


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Let `values` be the whole environment of this process for the block."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _failure(context: Any, command: str, error: Exception, retries: Retries | None) -> Exception:
    known = explained(error)
    if known is None:
        logger.exception("unexpected")
        known = CallmartError(f"Unexpected error: {safe_message(error)}", "See var/logs/callmart.log.")
    code, text = exit_code_of(known), f"{known} {known.mend}".strip()
    if retries and code in RETRIED and context.retry_number < retries.most:
        context.log.warning(f"Tried again in {retries.wait_seconds:.0f} s: {text}")
        return dg.RetryRequested(max_retries=retries.most, seconds_to_wait=retries.wait_seconds)
    metadata = {"command": command, "exit_code": code}
    return dg.Failure(text, metadata=metadata, allow_retries=False)


@contextmanager
def _terminations() -> Iterator[None]:
    """Let callmart see a run that is terminated as the SIGTERM that it is: it says what has landed, and records 143."""
    try:
        yield
    except dg.DagsterExecutionInterruptedError:
        sys.exit(_TERMINATED)
    except RuntimeError as error:  # DuckDB wraps what a signal raises during a query
        if isinstance(error.__cause__, dg.DagsterExecutionInterruptedError):
            sys.exit(_TERMINATED)
        raise
