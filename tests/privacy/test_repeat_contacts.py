"""Who called again: the same calls under pseudonyms as under names, in raw tables and, in `make test-long`, in the mart."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.ccaip.privacy.policy import Policy
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.warehouse.load import load_new
from tests.empty import with_warehouse
from tests.marts.simulated import NOW, START, ZONE, built_home, centre
from tests.marts.workshop import Workshop
from tests.privacy.callers import loaded
from tests.queries import ask
from tests.tenant import settings_for, tenant

KEY = "a-key-of-a-test-0123456789abcdef"


CALLS_OF_ONE = """
    select list(distinct {call} order by {call}) as calls from ccaip.{table} where {column} is not null
    group by {column} order by all
"""


@pytest.mark.parametrize(
    ("table", "call", "column"),
    [("calls", "id", "end_user__id"), ("participants", "call_id", "phone_number")],
)
def test_pseudonyms_bring_the_same_calls_together_as_names(
    table: str, call: str, column: str, tmp_path: Path
) -> None:
    calls_of_one = CALLS_OF_ONE.format(table=table, call=call, column=column)
    with loaded(tmp_path / "kept") as kept, loaded(tmp_path / "hashed", Policy()) as hashed:
        names, pseudonyms = (
            set(each.ask(f"select {column} from ccaip.{table} where {column} is not null"))
            for each in (kept, hashed)
        )
        assert not names & pseudonyms
        together = kept.ask(calls_of_one)
        assert max(len(calls) for (calls,) in together) > 1
        assert len(together) > 1
        assert hashed.ask(calls_of_one) == together


@pytest.mark.long
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
