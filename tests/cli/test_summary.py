"""A quiet night must not weigh like a busy morning: ratios come from summed parts."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from pipelines.errors import CallmartError
from pipelines.marts.summary import QueueParts, directions_table, read_summary, summary_table
from pipelines.settings import Settings

MARTS = """
    create schema marts;
    create table marts.mart_service_level as select * from (values
        (1, 'Sales', 98, 90, 8, 0, 45, 98), (1, 'Sales', 2, 2, 0, 0, 2, 2), (2, 'Sales', 10, 5, 5, 5, 5, 5)
    ) as t (queue_id, queue_name, offered, answered, abandoned, short_abandoned, service_level_numerator,
        service_level_denominator);
    create table marts.mart_abandonment as select * from (values (1, 900), (1, 20), (2, 50))
        as t (queue_id, answered_wait_seconds);
    create table marts.fct_handled_segments as select * from (values
        (1, true, false, 300), (1, true, false, 100), (1, false, false, 60), (1, false, true, 999)
    ) as t (queue_id, is_handled, is_barged, handle_seconds);
    create table marts.mart_agent_handle_time as select * from (values
        ('inbound', 2, 460), ('outbound', 1, 40), ('inbound', 1, 0)
    ) as t (direction, handled_segments, handle_seconds);
"""
"""Two queues of one name; the first has a busy interval at 50 % and a quiet one at 100 %."""


@pytest.fixture(params=["duckdb", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A warehouse with the marts, on both engines."""
    if request.param == "duckdb":
        with duckdb.connect(str(tmp_path / "w.duckdb")) as db:
            db.execute(MARTS)
        return Settings(tmp_path / "w.duckdb")
    import psycopg2

    server, name = (request.getfixturevalue(each) for each in ("postgres_server", "postgres_database"))
    with (
        closing(psycopg2.connect(server.url(name).replace("+psycopg2", ""))) as db,
        db,
        db.cursor() as cursor,
    ):
        cursor.execute("create schema ccaip;" + MARTS)
    return Settings(tmp_path / "unused", destination="postgres", credentials=server.credentials(name))


def test_ratios_are_of_sums(settings: Settings) -> None:
    summary = read_summary(settings)
    (first_name, first), (second_name, second) = summary.queues
    assert (first_name, second_name) == ("Sales", "Sales"), "queues of one name stay apart"
    assert first.service_level == 47 / 100, "of the governed parts, whatever the formula"
    assert first.abandonment_rate == 8 / 100
    assert first.average_speed_of_answer == 920 / 92
    assert first.average_handle_time == 460 / 2, "wrap-up alone adds seconds, a barged row nothing"
    assert second.service_level == 5 / 5
    assert second.average_handle_time is None
    assert summary.total.service_level == 52 / 105
    assert dict(summary.directions)["inbound"].average_handle_time == 460 / 3


def test_nothing_divided_by_nothing_is_a_dash(settings: Settings) -> None:
    assert QueueParts().service_level is None
    console = Console(width=120)
    with console.capture() as shown:
        console.print(
            summary_table(read_summary(settings)),
            directions_table(read_summary(settings)),
        )
    assert "–" in shown.get()
    assert "49.5%" in shown.get(), "the total's service level"


def test_no_warehouse_says_what_to_do(tmp_path) -> None:
    with pytest.raises(CallmartError, match="no warehouse at") as caught:
        read_summary(Settings(tmp_path / "none.duckdb"))
    assert "callmart run" in caught.value.mend
