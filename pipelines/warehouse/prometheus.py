"""The status as Prometheus metrics, for the node exporter's textfile collector: `callmart status --prometheus`.

Names, base units (seconds) and the `_total`-less gauges follow Prometheus' conventions: every value is the
state now, so all are gauges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from pipelines.runs import Run
from pipelines.warehouse.status import Status

_Metric = tuple[str, str, float | int | None]


def metrics(status: Status, runs: Sequence[Run], now: datetime) -> str:
    """The metrics in Prometheus' text format. What is not known yet is left out."""
    lines = []
    for name, description, value in _metrics(status, runs, now):
        if value is not None:
            lines += [
                f"# HELP callmart_{name} {description}",
                f"# TYPE callmart_{name} gauge",
                f"callmart_{name} {value:.17g}",
            ]
    return "\n".join(lines) + "\n"


def _metrics(status: Status, runs: Sequence[Run], now: datetime) -> Iterator[_Metric]:
    tail = status.fresh.tail_until
    good = [run.finished_at for run in runs if run.exit_code == 0]
    last = runs[-1] if runs else None
    yield (
        "last_success_timestamp_seconds",
        "When a scheduled command last ended with exit code 0.",
        good[-1].timestamp() if good else None,
    )
    yield (
        "tail_until_timestamp_seconds",
        "Up to when changes of calls are loaded.",
        tail.timestamp() if tail else None,
    )
    yield (
        "lag_seconds",
        "How far the loaded changes are behind this machine's clock.",
        (now - tail).total_seconds() if tail else None,
    )
    yield (
        "open_windows",
        "Windows that the next load requests again.",
        sum(status.trust.open_windows.values()),
    )
    yield "rejected_calls", "Calls that could not be parsed.", status.pending.rejected_calls
    yield "drift_findings", "Kinds of drift in the latest loads.", len(status.trust.drift)
    yield "restated_rows", "Rows of mart_restatements.", status.marts.get("mart_restatements")
    yield "calls", "Calls in the warehouse.", status.landed.rows.get("calls")
    yield "last_run_requests", "API requests of the last scheduled command.", last and last.requests
    yield "last_run_duration_seconds", "Duration of the last scheduled command.", last and last.seconds
    yield "last_run_exit_code", "Exit code of the last scheduled command.", last.exit_code if last else None
