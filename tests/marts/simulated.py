"""A simulated centre of sixteen days, loaded over HTTP, built by dbt and published: once per session, for all workers.

The days cross a change of clocks, and the first ones' contacts have had their seven days. The last day is not over:
calls are in progress.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.warehouse.load import load_new
from pipelines.warehouse.publish import publish
from simulator.centre import Centre
from tests.marts.workshop import Workshop
from tests.shared import made_once
from tests.tenant import settings_for, tenant

START = datetime(2026, 3, 2, 14, tzinfo=UTC)
ZONE = "America/New_York"
DAYS = 16
NOW = START + timedelta(days=DAYS - 1, hours=3)
"""When the centre is looked at: in the middle of its last day."""


@cache
def centre() -> Centre:
    return Centre.simulate(seed=11, start=START, days=DAYS, calls_per_day=120, time_zone=ZONE)


def built_home() -> Home:
    """A home with a warehouse, its marts, and their published copy. Not to be written to."""
    return Home(made_once("simulated centre", _make))


def settings_of(home: Home) -> Settings:
    return Settings(home.warehouse, reporting_timezone=ZONE)


def _make(root: Path) -> None:
    home = Home(root)
    home.activate()
    workshop = Workshop(home.dbt_target_dir / "workshop", ZONE)
    with tenant(centre(), NOW) as platform:
        settings = settings_for(platform, home, START, reporting_timezone=ZONE)
        load_new(settings, home, SilentProgress())
        workshop.build(home.warehouse)
    publish(home, settings)
