"""Examples that run the source with dlt alone: `python -m pipelines.ccaip_pipeline [SCENARIO]`.

Settings come from `.dlt/config.toml` and `.dlt/secrets.toml` of the current folder, or from the environment
(`SOURCES__CCAIP__BASE_URL`, `…USERNAME`, `…API_TOKEN`, `PRIVACY__KEY`, `DESTINATION__POSTGRES__CREDENTIALS`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import dlt

from pipelines.ccaip import between, ccaip

DUCKDB = dlt.destinations.duckdb("calls.duckdb")
"""The file must not have the dataset's name: in `ccaip.duckdb` the name `ccaip.calls` would be ambiguous."""


def load_what_is_new(destination: Any = DUCKDB) -> dlt.Pipeline:
    """Everything that changed since the last run; the first begins at `start_date`."""
    pipeline = dlt.pipeline("ccaip", destination=destination, dataset_name="ccaip")
    pipeline.run(ccaip())
    return pipeline


def load_in_packages(destination: Any = DUCKDB) -> dlt.Pipeline:
    """The same in packages of 20,000 calls: a long first load that is interrupted continues from its last package."""
    pipeline = dlt.pipeline("ccaip", destination=destination, dataset_name="ccaip")
    source = ccaip(calls_per_package=20_000)
    while pipeline.run(source).loads_ids:
        pass
    return pipeline


def load_yesterday(destination: Any = DUCKDB) -> dlt.Pipeline:
    """A backfill of one day (UTC) by `updated_at`; it leaves the cursor alone."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    pipeline = dlt.pipeline("ccaip", destination=destination, dataset_name="ccaip")
    pipeline.run(ccaip(until=between(midnight - timedelta(days=1), midnight)))
    return pipeline


def load_into_postgres() -> dlt.Pipeline:
    """Another destination by name; dlt reads its credentials."""
    return load_what_is_new("postgres")


SCENARIOS: dict[str, Callable[[], dlt.Pipeline]] = {
    "new": load_what_is_new,
    "packages": load_in_packages,
    "yesterday": load_yesterday,
    "postgres": load_into_postgres,
}

if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else "new"
    if name not in SCENARIOS:
        sys.exit(f"Unknown scenario {name!r}. Choose from {', '.join(SCENARIOS)}.")
    sys.stdout.write(f"{SCENARIOS[name]().last_trace}\n")
