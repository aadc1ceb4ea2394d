"""The status as Prometheus metrics, for the node exporter's textfile collector: `callmart status --prometheus`.

Names and base units (seconds) follow Prometheus' conventions. All values are gauges: they are the current state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from pipelines.runs import Run
from pipelines.status import Status

_Value = float | None


def metrics(status: Status, runs: Sequence[Run], now: datetime) -> str:
    """The metrics in Prometheus' text format. Unknown values are left out."""
    lines = []
    for name, description, values in (*_of_warehouse(status, now), *_of_runs(runs)):
        samples = [
            f"callmart_{name}{labels} {value}" for labels, value in values.items() if value is not None
        ]
        if samples:
            lines += [f"# HELP callmart_{name} {description}", f"# TYPE callmart_{name} gauge", *samples]
    return "\n".join(lines) + "\n"


def _of_warehouse(status: Status, now: datetime) -> Iterator[tuple[str, str, dict[str, _Value]]]:
    tail = status.fresh.tail_until
    facts: tuple[tuple[str, str, _Value], ...] = (
        (
            "tail_until_timestamp_seconds",
            "Up to when changes of calls are loaded.",
            tail.timestamp() if tail else None,
        ),
        (
            "lag_seconds",
            "How far the loaded changes are behind this machine's clock.",
            (now - tail).total_seconds() if tail else None,
        ),
        (
            "open_windows",
            "Windows that the next load requests again.",
            sum(status.trust.open_windows.values()),
        ),
        ("rejected_calls", "Calls that could not be parsed.", status.pending.rejected_calls),
        ("drift_findings", "Kinds of drift in the latest loads.", len(status.trust.drift)),
        ("restated_rows", "Rows of mart_restatements.", status.marts.get("mart_restatements")),
        ("calls", "Calls in the warehouse.", status.landed.rows.get("calls")),
        (
            "calls_since_transform",
            "Calls that the next transform adds to the marts.",
            status.pending.calls_since_transform,
        ),
    )
    for name, description, value in facts:
        yield name, description, {"": value}


def _of_runs(runs: Sequence[Run]) -> Iterator[tuple[str, str, dict[str, _Value]]]:
    """The latest run of each scheduled command, by the label `command`."""
    last = {f'{{command="{run.command}"}}': run for run in runs}
    good = {f'{{command="{run.command}"}}': run for run in runs if run.exit_code == 0}
    yield (
        "last_success_timestamp_seconds",
        "When the command last ended with exit code 0.",
        {label: run.finished_at.timestamp() for label, run in good.items()},
    )
    yield (
        "last_run_timestamp_seconds",
        "When the latest run of the command ended.",
        {label: run.finished_at.timestamp() for label, run in last.items()},
    )
    yield (
        "last_run_duration_seconds",
        "Duration of the latest run of the command.",
        {label: run.seconds for label, run in last.items()},
    )
    yield (
        "last_run_requests",
        "API requests of the latest run of the command.",
        {label: run.requests for label, run in last.items()},
    )
    yield (
        "last_run_exit_code",
        "Exit code of the latest run of the command.",
        {label: run.exit_code for label, run in last.items()},
    )
