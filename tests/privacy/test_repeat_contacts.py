"""Who called again: the same numbers under pseudonyms as under names, over the mart itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.ccaip.privacy.policy import KEEP_ALL, Policy
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.warehouse.load import load_new
from simulator.centre import Centre
from simulator.platform import Platform
from tests.marts.workshop import Workshop
from tests.queries import ask
from tests.tenant import settings_for, tenant

START = datetime(2026, 3, 2, 14, tzinfo=UTC)
DAYS = 11  # a repeat is known when its week is over
QUIET = SilentProgress()


def test_pseudonyms_repeat_as_callers_do(tmp_path: Path) -> None:
    """Were two callers one under the key, or one caller two, repeats and resolved contacts would be others."""
    centre = Centre.simulate(seed=5, start=START, days=DAYS, calls_per_day=60)
    workshop = Workshop(tmp_path / "dbt")
    with tenant(centre, START + timedelta(days=DAYS)) as platform:
        kept = _built(workshop, platform, Home(tmp_path / "kept"), KEEP_ALL)
        hashed = _built(workshop, platform, Home(tmp_path / "hashed"), Policy())
    callers = "select distinct end_user_id from marts.fct_calls where end_user_id is not null"
    assert not set(_ask(kept, callers)) & set(_ask(hashed, callers))
    assert _ask(kept, "select sum(repeated_contacts) > 0 from marts.mart_repeat_contacts") == [(True,)]
    repeats = "from marts.mart_repeat_contacts order by all"
    assert _ask(hashed, repeats) == _ask(kept, repeats)


def _built(workshop: Workshop, platform: Platform, home: Home, policy: Policy) -> Home:
    home.activate()
    key = "a-key-of-a-test-0123456789abcdef"
    load_new(
        settings_for(platform, home, START, settle_seconds=0, privacy=policy, privacy_key=key), home, QUIET
    )
    workshop.build(home.warehouse, select=("resource_type:seed", "+mart_repeat_contacts"))
    return home


def _ask(home: Home, query: str) -> list[tuple[Any, ...]]:
    return ask(home.warehouse, query)
