"""`callmart demo`: load, build and show the marts of a simulated contact centre, on this machine alone.

Simulated centre → local platform (HTTP, ten requests a second) → load → marts → summary, in a home of its
own, `<root>/demo`, so that simulated calls are never mixed with a tenant's. Deterministic: seed and start are
fixed. The platform's clock stands at the end of two weeks on the first run and an hour after the cursor on
later runs, so each later run finds exactly one hour of changes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.home import Home

if TYPE_CHECKING:
    from pipelines.progress import Progress
    from pipelines.settings import Settings
    from pipelines.warehouse.load import LoadReport

# The contact centre of `callmart demo` and `callmart platform serve`: the same seed gives the same calls.
SEED = 20_260_302
START = datetime(2026, 3, 2, 14, tzinfo=UTC)  # Monday, 9:00 in New York, whose clocks change on the 8th
DAYS = 14
END = START + timedelta(days=DAYS)
TIME_ZONE = "America/New_York"
_NEWS = timedelta(hours=1)

_SETTINGS = f"""# Written by `callmart demo`, so that other commands can use this folder: `callmart --project-dir demo status`.
# The platform it loaded from runs only during the demo; `callmart platform serve` starts another.
[sources.ccaip]
start_date = "{START:%Y-%m-%dT%H:%M:%SZ}"

[destination]
name = "{{destination}}"

[destination.duckdb]
credentials = "warehouse/callmart.duckdb"

[callmart]
reporting_timezone = "{TIME_ZONE}"

[runtime]
dlthub_telemetry = false
"""


@dataclass(frozen=True)
class DemoReport:
    """The load of a demo, and the time at which the platform's clock stood (UTC)."""

    load: LoadReport
    clock: datetime
    first: bool


def run_demo(
    parent: Home, progress: Progress, *, days: int = DAYS, destination: str = "duckdb", verbose: bool = False
) -> DemoReport:
    """Run the demo below `parent` and print its summary. The first run has `days` of calls.

    On Postgres the credentials are those of dlt's section, as for any load. Raises `ConfigurationError` for a database
    that is not named as one for a demo: a tenant's calls may be in it.
    """
    from pipelines.lock import locked
    from pipelines.logs import log_to

    home = Home(parent.root / ("demo" if destination == "duckdb" else f"demo-{destination}"))
    _write_settings(home, destination)
    home.activate()
    log_to(home, verbose=verbose)
    with locked(home, "demo"):
        return _run(home, progress, days, destination)


def _run(home: Home, progress: Progress, days: int, destination: str) -> DemoReport:
    # imported here, because help texts use the constants above and must appear at once
    from rich.text import Text

    from pipelines.cli.console import instant, output, show_load, show_published, show_transform
    from pipelines.marts.build import transform
    from pipelines.privacy_key import key_in_file
    from pipelines.settings import Settings
    from pipelines.status import read_status
    from pipelines.warehouse.load import load_new
    from pipelines.warehouse.publish import publish
    from simulator.centre import Centre
    from simulator.platform import Clock, Credentials, Platform

    settings = Settings(
        home.warehouse,
        destination=destination,
        credentials=_credentials(home, destination),
        start_date=START,
        reporting_timezone=TIME_ZONE,
    )
    cursor = read_status(home, settings).fresh.tail_until
    end = START + timedelta(days=days)
    clock = end
    if cursor is not None:
        next_hour = cursor + timedelta(seconds=settings.settle_seconds) + _NEWS
        clock = next_hour if next_hour > end else end
    first = clock == end
    say = output().print
    say(
        Text(
            f"A contact centre from {instant(START)} on, as its API shows it at {instant(clock)}"
            + (f": {days} days of calls." if first else ": an hour after the last run.")
        )
    )
    with progress.stage("simulate the centre"):
        horizon = ceil((clock - START) / timedelta(days=1))
        centre = Centre.simulate(SEED, START, days=max(horizon, days))
    credentials = Credentials("demo", "demo-token")
    with Platform(centre, clock=Clock.frozen(clock), credentials=credentials) as platform:
        settings = replace(
            settings,
            base_url=platform.base_url,
            username=credentials.user,
            api_token=credentials.token,
            privacy_key=key_in_file(home),
        )
        loaded = load_new(settings, home, progress)
    show_load(loaded, settings.privacy)
    show_transform(transform(home, settings, progress))
    if destination == "duckdb":
        show_published(publish(home, settings))
    _show(home, settings)
    return DemoReport(loaded, clock, first)


def _credentials(home: Home, destination: str) -> Mapping[str, Any]:
    from pipelines.errors import ConfigurationError
    from pipelines.settings import load_settings

    if destination == "duckdb":
        return {}
    credentials = load_settings(home, need_api=False).credentials
    database = str(credentials.get("database", ""))
    if "demo" not in database:
        raise ConfigurationError(
            f"The demo does not load into the database {database}: nothing was changed.",
            "A tenant's calls may be there. Create a database with `demo` in its name, such as callmart_demo, and name it "
            "in DESTINATION__POSTGRES__CREDENTIALS__DATABASE.",
        )
    return credentials


def _write_settings(home: Home, destination: str) -> None:
    """Write settings and a key, so that commands in the demo's home do not use a tenant's."""
    from pipelines.privacy_key import key_in_file, make_key

    folder = home.root / ".dlt"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(_SETTINGS.format(destination=destination))
    if not key_in_file(home):
        make_key(home)


def _show(home: Home, settings: Settings) -> None:
    from rich.text import Text

    from pipelines.cli.console import output
    from pipelines.marts.summary import directions_table, read_summary, summary_table

    summary = read_summary(settings)
    console = output()
    console.print()
    console.print(summary_table(summary))
    console.print()
    console.print(directions_table(summary))
    console.print(Text(f"\nWarehouse: {settings.warehouse_name}\n\nWhat to try next:"))
    command, python = _beside(sys.executable, "callmart"), _beside(sys.executable, "python")
    where = _short(home.root)
    query = "from marts.mart_service_level select local_date, sum(answered_in_sl), sum(offered) group by 1"
    if settings.destination == "duckdb":
        again = "demo                 "
        look = (
            f"""{python} -c "import duckdb; duckdb.connect('{_short(settings.warehouse)}', read_only=True)"""
            f""".sql('{query} order by 1').show()\""""
        )
    else:
        again = f"demo --destination {settings.destination}"
        look = 'psql -c "select * from marts.mart_queue_days"'
    for line in (
        f"{command} --project-dir {where} status",
        look,
        f"{command} --project-dir {where} dashboard    # the pages, on this machine",
        f"{command} {again} # an hour later: loads only what is new",
        f"{command} platform serve        # the same centre, live, for a load of your own",
    ):
        console.print(Text(f"  {line}"), soft_wrap=True)


def _beside(interpreter: str, name: str) -> str:
    """A command of this virtual environment, as a path relative to the current folder."""
    return _short(Path(interpreter).parent / name)


def _short(path: Path) -> str:
    """The path relative to the current folder if it is below it, else the absolute path."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
