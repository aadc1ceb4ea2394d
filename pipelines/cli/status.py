"""`callmart status`: what is loaded, how fresh it is, what is pending, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.context import home_to_read

if TYPE_CHECKING:
    from pipelines.runs import Run
    from pipelines.status import Status


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for schedulers.")] = False,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="Print Prometheus metrics, or write them to FILE.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="With --prometheus: the file to write, for the node exporter's textfile collector.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show what is loaded, how fresh it is, what is pending and what to do next.

    Reads only, and needs no API credentials.

    Examples:
      callmart status
      callmart status --json | jq .fresh.tail_until
      callmart status --prometheus /var/lib/node_exporter/callmart.prom
    """
    from pipelines.cli.console import show_json, show_next_steps, show_status
    from pipelines.runs import read_runs, utc_now
    from pipelines.settings import load_settings
    from pipelines.status import read_status
    from pipelines.warehouse.prometheus import metrics

    if file is not None and not prometheus:
        raise typer.BadParameter("FILE needs --prometheus.")
    home = home_to_read()
    found, runs, now = read_status(home, load_settings(home, need_api=False)), read_runs(home), utc_now()
    if prometheus:
        _hand_out(metrics(found, runs, now), file)
    elif as_json:
        show_json(found, next_steps=list(next_steps(found, runs)), schedule=schedule(runs, now))
    else:
        show_status(found)
        show_next_steps(schedule(runs, now), list(next_steps(found, runs)))


def _hand_out(text: str, file: Path | None) -> None:
    """Print the metrics, or write them atomically to a file that the node exporter's user can read."""
    from pipelines.runs import write_whole

    if file is None or str(file) == "-":
        typer.echo(text, nl=False)
        return
    try:
        write_whole(file, text, mode=0o644)
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}.") from None


def schedule(runs: Sequence[Run], now: datetime) -> str:
    """A sentence on whether the schedule is kept."""
    from pipelines.runs import schedule_kept

    kept = schedule_kept(runs, now)
    if kept is None:
        return "Not enough loads recorded yet to know the schedule."
    usual = max(1, round(kept[1] / timedelta(minutes=1)))
    last = max(run.started_at for run in runs if run.command in ("load", "run"))
    word = "Kept" if kept[0] else "Not kept"
    return (
        f"{word}: a load usually starts every {usual} min; the last one started at {last:%Y-%m-%d %H:%M} UTC."
    )


_AFTER_EXIT = {
    1: "The last `callmart {command}` failed: see var/logs/callmart.log, then run it again.",
    2: "The last `callmart {command}` found a wrong setting: run it by hand to see which one.",
    3: "The API did not answer the last `callmart {command}`: run it again later.",
    5: "The last `callmart {command}` loaded data that failed a check: run `callmart reconcile --heal`.",
    6: "dbt failed in the last `callmart {command}`: see var/dbt/logs/dbt.log, then run `callmart transform`.",
    130: "The last `callmart {command}` was interrupted: run it again.",
    143: "The last `callmart {command}` was terminated: run it again.",
}


def next_steps(status: Status, runs: Sequence[Run]) -> Iterator[str]:
    """What to do next, most urgent first; empty if there is nothing to do."""
    if not status.exists:
        yield "Load the first calls: `callmart run`."
        return
    pending = status.pending
    if pending.unfinished_erasures:
        yield "An erasure is not finished: run the same `callmart forget` again."
    if runs and (sentence := _AFTER_EXIT.get(runs[-1].exit_code)):
        yield sentence.format(command=runs[-1].command)
    elif pending.load_was_cut_short:
        yield "The last load was interrupted: run `callmart load`; it continues from there."
    if status.trust.open_windows and not pending.load_was_cut_short:
        yield "Some windows are not complete: the next load requests them again."
    if status.trust.set_aside_windows:
        yield "Some windows stayed incomplete after five attempts: run `callmart reconcile --heal`."
    if pending.calls_since_transform is None or pending.calls_since_transform:
        yield "The marts do not have the latest calls: run `callmart transform`."
    if pending.rejected_calls:
        yield "Some calls could not be parsed: see `callmart rejected`."
