"""Every number of every page is what the facts say, for whatever selection."""

from __future__ import annotations

import csv
from datetime import date
from typing import Any

import pytest

from dashboard.pages import PAGES
from dashboard.panels import PANELS
from tests.dashboard import facts as f
from tests.dashboard.facts import Choice, Facts, Row
from tests.dashboard.page import read

pytestmark = pytest.mark.slow

CHOICES = {
    "a week": Choice(date(2026, 3, 9), date(2026, 3, 15), agent=201),
    "a day": Choice(date(2026, 3, 11), date(2026, 3, 11)),
    "two queues": Choice(date(2026, 3, 3), date(2026, 3, 16), queues=(12, 13), direction="outbound"),
    "a language": Choice(
        date(2026, 3, 10), date(2026, 3, 13), language="en", call_type="Voice Inbound (IVR)"
    ),
    "all": Choice(date(2026, 3, 2), date(2026, 3, 17)),
    "nobody": Choice(date(2026, 3, 10), date(2026, 3, 10), queues=(999,)),
}


@pytest.fixture(scope="session")
def facts(copy) -> Facts:
    return Facts(copy)


@pytest.fixture(params=CHOICES.values(), ids=CHOICES.keys())
def choice(request) -> Choice:
    return request.param


def shown(http, panel: str, choice: Choice, **more: str) -> list[Row]:
    """The rows of a panel's CSV; numbers as numbers, nothing as None."""
    answer = http.get(f"/panel/{panel}.csv", params=choice.query | more)
    assert answer.status_code == 200
    return [
        {name: value_of(text) for name, text in row.items()}
        for row in csv.DictReader(answer.text.splitlines())
    ]


def value_of(text: str) -> Any:
    if text in ("", "True", "False"):
        return {"": None, "True": True, "False": False}[text]
    try:
        return float(text)
    except ValueError:
        return text


def agree(found: Row, expected: Row) -> None:
    """The columns that are expected have these values."""
    assert {column: found[column] for column in expected} == {
        column: value if value is None or isinstance(value, str | bool) else pytest.approx(value, abs=1e-9)
        for column, value in expected.items()
    }


QUEUE_COLUMNS = ("offered", "service_level", "target_level")


def test_the_numbers_of_the_day(http, facts, choice) -> None:
    found = shown(http, "today_numbers", choice)
    now = f.queue_numbers(facts.chosen(choice))
    if not now["offered"]:
        assert found == []
        return
    agree(
        found[0],
        f.picked(now, *QUEUE_COLUMNS, "service_level_gap", "abandonment_rate", "average_speed_of_answer"),
    )
    inbound = Choice(choice.from_date, choice.to_date, choice.queues)
    agree(found[0], f.picked(f.handle_numbers(facts.worked_on(inbound)), "average_handle_time"))
    whole = Choice(choice.from_date, choice.to_date, choice.queues)
    judged = f.by(facts.chosen(whole), lambda row: (row["queue_id"], f.half_hour(row)))
    levels = [f.queue_numbers(rows) for rows in judged.values()]
    asked = [each for each in levels if each["offered"]]
    on_target = [
        each
        for each in asked
        if each["service_level"] is not None and each["service_level"] >= each["target_level"] - 1e-12
    ]
    assert found[0]["interval_sl_compliance"] == pytest.approx(len(on_target) / len(asked))


def test_a_week_is_compared_with_the_week_before(http, facts) -> None:
    choice = Choice(date(2026, 3, 10), date(2026, 3, 12), queues=(11, 12, 13))
    row = shown(http, "today_numbers", choice)[0]
    before, now = (f.queue_numbers(facts.chosen(each)) for each in (choice.before(), choice))
    for column in ("service_level", "abandonment_rate", "average_speed_of_answer", "offered"):
        assert row[f"{column}_before"] == pytest.approx(before[column])
        assert row[f"{column}_change"] == pytest.approx(now[column] - before[column])
    handle = shown(http, "handle_numbers", choice)[0]
    worked = f.handle_numbers(facts.worked_on(choice.before()))
    for column in ("average_handle_time", "average_talk_time", "transfer_rate", "handled_segments"):
        assert handle[f"{column}_before"] == pytest.approx(worked[column])


def test_a_day_that_is_not_over_is_compared_with_as_many_hours(http, facts) -> None:
    today = max(row["local_date"] for row in facts.segments)
    choice = Choice(today, today)
    last = max(f.half_hour(row) for row in facts.chosen(choice)).time()
    before = [row for row in facts.chosen(choice.before()) if f.half_hour(row).time() <= last]
    assert len(before) < len(facts.chosen(choice.before()))
    row = shown(http, "today_numbers", choice)[0]
    assert row["offered_before"] == len(f.offered(before))


def test_nothing_is_compared_with_days_before_the_first(http) -> None:
    assert shown(http, "today_numbers", CHOICES["two queues"])[0]["offered_before"] is None
    assert shown(http, "handle_numbers", CHOICES["two queues"])[0]["handled_segments_before"] is None


@pytest.mark.parametrize(
    ("panel", "key", "named", "columns"),
    [
        ("today_half_hours", lambda row: f"{f.half_hour(row):%H:%M}", ("time_of_day",), ()),
        (
            "today_queues",
            lambda row: row["queue_id"],
            ("queue_id",),
            ("service_level_gap", "abandonment_rate", "average_speed_of_answer", "longest_wait_seconds"),
        ),
        (
            "sl_heatmap",
            lambda row: f"{f.half_hour(row):%Y-%m-%d %H:%M}",
            ("interval_start_local",),
            ("service_level_gap",),
        ),
        (
            "sl_queue_days",
            lambda row: (row["queue_id"], str(row["local_date"])),
            ("queue_id", "local_date"),
            (),
        ),
    ],
)
def test_service_level_by_cell(http, facts, choice, panel, key, named, columns) -> None:
    expected = {
        cell: f.queue_numbers(rows)
        for cell, rows in f.by(facts.chosen(choice), key).items()
        if f.offered(rows)
    }
    found = {
        tuple(row[name] for name in named) if len(named) > 1 else row[named[0]]: row
        for row in shown(http, panel, choice)
        if row["offered"]
    }
    assert found.keys() == expected.keys()
    for cell, row in found.items():
        agree(row, f.picked(expected[cell], *QUEUE_COLUMNS, *columns))


def test_queues_furthest_below_their_target_come_first(http, choice) -> None:
    gaps = [row["service_level_gap"] for row in shown(http, "today_queues", choice)]
    known = [gap for gap in gaps if gap is not None]
    assert gaps[: len(known)] == sorted(known)


def test_the_trend_is_of_fourteen_days(http, facts, choice) -> None:
    fortnight = Choice(
        date.fromordinal(choice.to_date.toordinal() - 13),
        choice.to_date,
        choice.queues,
        choice.language,
        choice.call_type,
    )
    rows = f.by(facts.chosen(fortnight), lambda row: (row["queue_id"], str(row["local_date"])))
    expected = {cell: f.queue_numbers(each)["service_level"] for cell, each in rows.items()}
    found = {
        (row["queue_id"], row["local_date"]): row["service_level"]
        for row in shown(http, "queue_trend", choice)
    }
    assert found == pytest.approx(expected)


def test_every_formula_from_the_same_calls(http, facts, choice) -> None:
    expected = f.queue_numbers(facts.chosen(choice))
    row = shown(http, "sl_formulas", choice)[0]
    if not expected["offered"]:
        assert row["service_level"] is None
        return
    agree(row, {name: value for name, value in expected.items() if name in row})
    assert len(row) == 9


def test_waits_by_outcome(http, facts, choice) -> None:
    rows = [row for row in f.offered(facts.chosen(choice)) if row["wait_seconds"] is not None]
    bins = f.by(rows, lambda row: (min(row["wait_seconds"] // 10 * 10, 300), row["outcome"]))
    found = shown(http, "sl_waits", choice)
    assert {(row["wait_from_seconds"], row["outcome"]): row["segments"] for row in found} == {
        cell: len(each) for cell, each in bins.items()
    }
    targets = [row["target_seconds"] for row in rows if row["target_seconds"] is not None]
    assert {row["lowest_target_seconds"] for row in found} == ({min(targets)} if found else set())
    assert {row["highest_target_seconds"] for row in found} == ({max(targets)} if found else set())


def test_agents_needed(http, facts, choice) -> None:
    rows = [
        row
        for row in facts.staffing
        if choice.has_date(row) and choice.has_queue(row) and row["agents_needed"]
    ]
    days = f.by(rows, lambda row: row["interval_start_local"])
    sums: dict[str, list[int]] = {}
    for start, each in days.items():
        sums.setdefault(f"{start:%H:%M}", []).append(sum(row["agents_needed"] for row in each))
    found = shown(http, "sl_staffing", choice)
    assert {
        row["time_of_day"]: (row["median_agents_needed"], row["most_agents_needed"]) for row in found
    } == {start: (f.middle(each), max(each)) for start, each in sums.items()}


def test_a_cell_of_the_heat_map_opens_its_segments(http, facts) -> None:
    choice = CHOICES["two queues"]
    start = max(f.half_hour(row) for row in facts.chosen(choice) if row["local_date"] == date(2026, 3, 10))
    expected = [row["call_id"] for row in facts.chosen(choice) if f.half_hour(row) == start]
    found = shown(http, "segments", choice, at=start.isoformat())
    assert sorted(row["call_id"] for row in found) == sorted(expected)
    assert {row["outcome_rule"] for row in found} - {None}


def test_abandonment_and_waits(http, facts, choice) -> None:
    expected = f.queue_numbers(facts.chosen(choice))
    row = shown(http, "waits_numbers", choice)[0]
    if not expected["offered"]:
        assert not row["offered"]
        return
    agree(row, {name: value for name, value in expected.items() if name in row})
    assert len(row) == 8


def test_abandonment_by_weekday_and_hour(http, facts, choice) -> None:
    cells = f.by(facts.chosen(choice), lambda row: (row["local_date"].isoweekday(), row["entered"].hour))
    expected = {cell: f.queue_numbers(rows) for cell, rows in cells.items() if f.offered(rows)}
    found = {(row["weekday"], row["hour_of_day"]): row for row in shown(http, "waits_weekday_hour", choice)}
    assert found.keys() == expected.keys()
    for cell, row in found.items():
        agree(row, f.picked(expected[cell], "offered", "abandoned", "abandonment_rate"))


def test_percentiles_of_waits(http, facts, choice) -> None:
    rows = f.by(f.offered(facts.chosen(choice)), lambda row: row["queue_id"])
    found = {row["queue_id"]: row for row in shown(http, "waits_percentiles", choice)}
    assert found.keys() == rows.keys()
    for queue, row in found.items():
        waits = [each["wait_seconds"] for each in rows[queue]]
        agree(row, {f"wait_p{p}_seconds": f.interpolated(waits, p / 100) for p in (50, 80, 90, 95)})
    if choice == CHOICES["all"]:  # the mart has them for all days only
        for mart in facts.percentiles:
            agree(found[mart["queue_id"]], f.picked(mart, "wait_p50_seconds", "wait_p95_seconds"))


def test_patience(http, facts, choice) -> None:
    curve = {
        second: share for second, share in f.still_waiting(facts.chosen(choice)).items() if second <= 600
    }
    found = {row["wait_seconds"]: row["still_waiting_share"] for row in shown(http, "waits_patience", choice)}
    assert found == pytest.approx(curve)


def test_when_callers_hang_up(http, facts, choice) -> None:
    rows = f.by(
        f.ended_as(facts.chosen(choice), "abandoned"), lambda row: min(row["wait_seconds"] // 5 * 5, 300)
    )
    found = shown(http, "waits_abandoned", choice)
    assert {row["wait_from_seconds"]: row["abandoned"] for row in found} == {
        cell: len(each) for cell, each in rows.items()
    }
    short = f.count(facts.chosen(choice), lambda row: row["is_short_abandon"])
    assert sum(row["short_abandoned"] for row in found) == short


def test_where_callers_went_and_whether_they_were_called_back(http, facts, choice) -> None:
    away = ("contacts", "deflected_to_voicemail", "deflected_to_callback", "deflected_elsewhere")
    sums = facts.sums(facts.deflections, choice, *away)
    menus = facts.sums(facts.menus, choice, "entered_menu", "menu_abandoned")
    agree(
        shown(http, "waits_elsewhere", choice)[0],
        sums
        | menus
        | {
            "voicemail_rate": f.ratio(sums["deflected_to_voicemail"], sums["contacts"]),
            "callback_request_rate": f.ratio(sums["deflected_to_callback"], sums["contacts"]),
            "sent_elsewhere_rate": f.ratio(sums["deflected_elsewhere"], sums["contacts"]),
            "ivr_abandonment_rate": f.ratio(menus["menu_abandoned"], menus["entered_menu"]),
        },
    )
    kinds = {
        "asked for": "scheduled",
        "voicemail": "voicemail",
        "abandoned or failed": "recovery",
        "a call that is not here": "unlinked",
    }
    parts = [f"{prefix}{kind}_callbacks" for kind in kinds.values() for prefix in ("", "successful_")]
    kept = facts.sums(facts.deflections, choice, *parts)
    found = {row["callback_of"]: row for row in shown(http, "waits_callbacks", choice)}
    assert found.keys() == {words for words, kind in kinds.items() if kept[f"{kind}_callbacks"]}
    for words, row in found.items():
        tried, successful = kept[f"{kinds[words]}_callbacks"], kept[f"successful_{kinds[words]}_callbacks"]
        agree(
            row,
            {
                "callbacks": tried,
                "successful_callbacks": successful,
                "callback_success_rate": successful / tried,
            },
        )


def test_handle_time(http, facts, choice) -> None:
    rows = facts.worked_on(choice)
    found = shown(http, "handle_numbers", choice)
    expected = f.handle_numbers(rows)
    if rows:
        agree(found[0], {name: value for name, value in expected.items() if name in found[0]})
    for panel, key, name in (
        ("handle_queues", lambda row: row["queue_id"] or -1, "queue_id"),
        (
            "handle_weeks",
            lambda row: str(date.fromordinal(row["local_date"].toordinal() - row["local_date"].weekday())),
            "week_start",
        ),
    ):
        cells = {cell: f.handle_numbers(each) for cell, each in f.by(rows, key).items()}
        shown_cells = {row[name]: row for row in shown(http, panel, choice)}
        assert shown_cells.keys() == {cell for cell, each in cells.items() if each["handled_segments"]}
        for cell, row in shown_cells.items():
            agree(row, cells[cell])


def test_agents(http, facts, choice) -> None:
    rows = [row for row in facts.worked_on(choice) if row["agent_id"] != -1]
    cells = {agent: f.handle_numbers(each) for agent, each in f.by(rows, lambda row: row["agent_id"]).items()}
    known = {agent: each for agent, each in cells.items() if each["handled_segments"]}
    found = {row["agent_id"]: row for row in shown(http, "handle_agents", choice)}
    assert found.keys() == known.keys()
    enough = [each["average_handle_time"] for each in known.values() if each["handled_segments"] >= 30]
    for agent, row in found.items():
        agree(row, f.picked(known[agent], "handled_segments", "average_handle_time", "average_talk_time"))
        assert row["agent_name"] == value_of(facts.agents[int(agent)])
        assert row["is_enough"] is (known[agent]["handled_segments"] >= 30)
        for column, share in (("p10", 0.1), ("median", 0.5), ("p90", 0.9)):
            expected = f.interpolated(enough, share) if enough else None
            agree(row, {f"{column}_handle_seconds": expected})


def test_how_long_contacts_take(http, facts, choice) -> None:
    rows = [row for row in facts.worked_on(choice) if row["is_handled"]]
    bins = f.by(rows, lambda row: min(row["handle_seconds"] // 60, 20) * 60)
    of_agent = f.count(rows, lambda row: row["agent_id"] == choice.agent)
    found = {row["handle_from_seconds"]: row for row in shown(http, "handle_distribution", choice)}
    assert found.keys() == bins.keys()
    for cell, row in found.items():
        mine = f.count(bins[cell], lambda each: each["agent_id"] == choice.agent)
        agree(row, {"all_agents_share": len(bins[cell]) / len(rows), "agent_share": f.ratio(mine, of_agent)})


def test_whether_it_can_be_trusted(http, facts, choice) -> None:
    days = [row for row in facts.completeness if choice.from_date <= row["day_utc"] <= choice.to_date]
    found = shown(http, "trust_calendar", choice)
    assert [(row["day_utc"], row["counted_by"], row["verdict"], row["landed"]) for row in found] == sorted(
        (str(row["day_utc"]), row["counted_by"], row["verdict"], row["landed"]) for row in days
    )
    intervals = [row for row in facts.intervals if choice.has_date(row) and choice.has_queue(row)]
    final = {
        str(day): f.ratio(f.count(rows, lambda row: row["is_final"]), len(rows))
        for day, rows in f.by(intervals, lambda row: row["local_date"]).items()
    }
    assert {
        row["local_date"]: row["final_interval_share"] for row in shown(http, "trust_final", choice)
    } == final
    numbers = shown(http, "trust_numbers", choice)[0]
    queued = [row for row in days if row["counted_by"] == "queued_at"]
    agree(
        numbers,
        {
            "final_interval_share": f.ratio(f.count(intervals, lambda row: row["is_final"]), len(intervals)),
            "open_windows": sum(row["open_windows"] for row in queued),
            "rejected": sum(row["rejected"] for row in queued),
            "days": len(queued),
        },
    )


def test_agreement_with_the_vendor(http, facts, choice) -> None:
    rows = [row for row in facts.reconciliation if choice.has_date(row) and choice.has_queue(row)]
    cells = f.by(rows, lambda row: row["queue_id"])
    found = {row["queue_id"]: row for row in shown(http, "trust_agreement", choice)}
    assert found.keys() == {queue for queue, each in cells.items() if sum(row["offered"] for row in each)}
    for queue, row in found.items():
        total = {
            part: sum(each[part] for each in cells[queue]) for part in ("agreed", "offered", "no_target")
        }
        agree(row, {"agreement_rate": total["agreed"] / total["offered"], "no_target": total["no_target"]})


def header(facts: Facts, choice: Choice) -> set[tuple[str, Any]]:
    """The numbers above the panels: how final and how complete the selection is."""
    intervals = [
        row
        for row in facts.intervals
        if all(
            test(row) for test in (choice.has_date, choice.has_queue, choice.has_type, choice.has_language)
        )
    ]
    days = [
        row
        for row in facts.completeness
        if choice.from_date <= row["day_utc"] <= choice.to_date and row["counted_by"] == "queued_at"
    ]
    verdicts = {
        "days_reconciled": ("proven", "counted"),
        "days_loaded": ("loaded",),
        "days_partly_loaded": ("partly loaded",),
        "days_open": ("open",),
        "days_that_differ": ("differs",),
    }
    return {
        ("final_interval_share", f.ratio(f.count(intervals, lambda row: row["is_final"]), len(intervals))),
        ("rejected", sum(row["rejected"] for row in days)),
        ("lateness_seconds", facts.publication["lateness_seconds"]),
        *(
            (name, f.count(days, lambda row, words=words: row["verdict"] in words))
            for name, words in verdicts.items()
        ),
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_its_panels_say_and_nothing_else(http, facts, choice, page) -> None:
    """The facts are compared with the panels' files above; a page and its charts show the same rows."""
    seen = read(http.get(page.path, params=choice.query).text)
    rows = {panel: shown(http, panel, choice) for panel in page.panels}
    known = {(column, value) for each in rows.values() for row in each for column, value in row.items()}
    for column, value, text in seen.numbers:
        assert text.strip()
        assert (column, value) in known | header(facts, choice), f"{column} = {value}"
    drawn = [drawn_rows(rows[panel]) for panel in page.panels for _ in PANELS[panel].drawings if rows[panel]]
    charts = [
        drawn_rows([{name: value_of(as_text(value)) for name, value in row.items()} for row in chart])
        for chart in (each["datasets"]["rows"] for each in seen.charts)
    ]
    assert sorted(charts) == sorted(drawn)


def drawn_rows(rows: list[Row]) -> list[str]:
    return sorted(map(str, rows))


def as_text(value: Any) -> str:
    return "" if value is None else str(value)
