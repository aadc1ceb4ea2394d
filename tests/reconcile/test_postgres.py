"""The same differences are found on Postgres as on DuckDB."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from pipelines.settings import Settings
from pipelines.status import read_status
from pipelines.warehouse.connect import reading, writing
from pipelines.warehouse.reconcile import reconcile
from tests.extraction.living import seconds
from tests.reconcile.conftest import QUIET, Centre
from tests.warehouse.copying import copy_raw_tables


@pytest.fixture
def on_postgres(centre: Centre, postgres_server, postgres_database) -> Settings:
    """The centre's warehouse, copied into Postgres."""
    settings = replace(
        centre.settings, destination="postgres", credentials=postgres_server.credentials(postgres_database)
    )
    copy_raw_tables(centre.home.warehouse, settings)
    return settings


def by_hand(settings: Settings, statement: str) -> None:
    with writing(settings) as warehouse:
        warehouse.connection.execute(text(statement))
        warehouse.connection.commit()


def test_a_warehouse_that_equals_the_api_has_nothing_to_complain_of(centre, on_postgres):
    report = reconcile(on_postgres, centre.home, QUIET)
    assert report.problems == ()
    assert report.requests > 0
    again = centre.reconcile()
    assert [replace(day, requests=0) for day in report.days] == [
        replace(day, requests=0) for day in again.days
    ]


def test_missing_stale_and_vanished_calls_are_found_and_written_down(centre, on_postgres):
    by_hand(on_postgres, "delete from ccaip.calls where id = 5")
    by_hand(on_postgres, "update ccaip.transfers set id = 999 where call_id = 7 and idx = 1")
    by_hand(on_postgres, "delete from ccaip.recordings where call_id = 8")
    by_hand(
        on_postgres,
        """update ccaip.calls set custom_data_secured = '{"b": 2, "deep": [9, null]}' where id = 9""",
    )
    centre.vanish(11)
    centre.platform.clock.advance(seconds(1))
    report = reconcile(on_postgres, centre.home, QUIET)
    assert report.missing == (5,)
    assert report.stale == (7, 8, 9)
    assert report.vanished == (11,)
    with reading(on_postgres) as connection:
        assert connection.execute(text("select call_id from ccaip.vanished_calls")).scalars().all() == [11]
        days = connection.execute(
            text(
                "select sum(missing), sum(stale), sum(vanished) from ccaip.reconciled_days where counted_by = 'queued_at'"
            )
        ).one()
    assert tuple(map(int, days)) == (1, 3, 1)
    again = reconcile(on_postgres, centre.home, QUIET)
    assert again.vanished == ()
    assert again.vanished_before == 1


def test_status_tells_the_same_on_both_engines(centre, on_postgres):
    there, here = read_status(centre.home, on_postgres), read_status(centre.home, centre.settings)
    assert there.exists
    assert "Postgres" in str(there.warehouse)
    assert (there.landed, there.fresh, there.pending, there.trust) == (
        here.landed, here.fresh, here.pending, here.trust,
    )  # fmt: skip
