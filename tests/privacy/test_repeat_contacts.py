"""Who called again: the same numbers under pseudonyms as under names, over the mart itself."""

from __future__ import annotations

from pathlib import Path

from pipelines.ccaip.privacy.policy import Policy
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.warehouse.load import load_new
from tests.empty import with_warehouse
from tests.marts.simulated import NOW, START, ZONE, built_home, centre
from tests.marts.workshop import Workshop
from tests.queries import ask
from tests.tenant import settings_for, tenant

KEY = "a-key-of-a-test-0123456789abcdef"


def test_pseudonyms_repeat_as_callers_do(tmp_path: Path) -> None:
    """Were two callers one under the key, or one caller two, repeats and resolved contacts would be others."""
    kept, home = built_home().warehouse, with_warehouse(Home(tmp_path / "hashed"))
    with tenant(centre(), NOW) as platform:
        settings = settings_for(
            platform,
            home,
            START,
            reporting_timezone=ZONE,
            privacy=Policy(),
            privacy_key=KEY,
        )
        load_new(settings, home, SilentProgress())
    selected = ("resource_type:seed", "+mart_repeat_contacts")
    hashed = home.warehouse
    Workshop(tmp_path / "dbt", ZONE).build(hashed, select=selected)
    callers = "select distinct end_user_id from marts.fct_calls where end_user_id is not null"
    assert not set(ask(kept, callers)) & set(ask(hashed, callers))
    assert ask(kept, "select sum(repeated_contacts) > 0 from marts.mart_repeat_contacts") == [(True,)]
    repeats = "from marts.mart_repeat_contacts order by all"
    assert ask(hashed, repeats) == ask(kept, repeats)
