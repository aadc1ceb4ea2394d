"""Pages that lose or repeat a call on a standing clock would be blamed on the client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from simulator.platform import Clock, Credentials, Platform
from simulator.replay import ReplayFiles

START = datetime(2026, 3, 1, tzinfo=UTC)
CALLS = 517
CALLS_A_SECOND = 130
URL = "/manager/api/v1/calls"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """517 calls, 130 of them in each second: more than a page holds."""
    file: Path = tmp_path_factory.mktemp("calls") / "calls.jsonl"
    file.write_text(
        "".join(
            json.dumps({"id": n, "updated_at": (START + timedelta(seconds=n // CALLS_A_SECOND)).isoformat()})
            + "\n"
            for n in range(CALLS)
        )
    )
    credentials = Credentials("acme", "token")
    clock = Clock.frozen(START + timedelta(days=1))
    with (
        Platform(
            ReplayFiles([file]), clock=clock, credentials=credentials, requests_per_second=0
        ) as platform,
        httpx.Client(base_url=platform.base_url, auth=("acme", "token")) as http,
    ):
        yield http


@pytest.mark.parametrize("per", [None, 1000, 100, 99, 47])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_a_walk_along_the_links_meets_every_call_once(
    client: httpx.Client, per: int | None, direction: str
) -> None:
    parameters = {"sort_column": "updated_at", "sort_direction": direction, "updated_at[from]": "2026-03-01"}
    answer = client.get(URL, params=parameters | ({} if per is None else {"per": str(per)}))
    total, met, pages = int(answer.headers["Total"]), [], 1
    met += [call["id"] for call in answer.json()]
    while "next" in answer.links:
        answer = client.get(answer.links["next"]["url"])
        pages += 1
        met += [call["id"] for call in answer.json()]
    assert met == sorted(range(CALLS), reverse=direction == "DESC")
    assert total == len(met)
    assert answer.links["last"]["url"].endswith(f"page={pages}")


def test_more_than_a_hundred_a_page_is_silently_a_hundred(client: httpx.Client) -> None:
    answer = client.get(URL, params={"per": "101"})
    assert (answer.headers["Per-Page"], len(answer.json())) == ("100", 100)
    answer = client.get(URL, params={"per": "99"})
    assert (answer.headers["Per-Page"], len(answer.json())) == ("99", 99)


def test_links_keep_every_parameter(client: httpx.Client) -> None:
    """Lost brackets or a lost second value would let the second page answer another question."""
    parameters = [
        ("updated_at[from]", "2026-03-01T02:00:00+02:00"),
        *(("id[]", str(call_id)) for call_id in range(30)),
        ("per", "10"),
        ("page", "2"),
    ]
    answer = client.get(URL, params=parameters)
    assert {rel: httpx.URL(link["url"]).params["page"] for rel, link in answer.links.items()} == {
        "first": "1",
        "prev": "1",
        "next": "3",
        "last": "3",
    }
    following = httpx.URL(answer.links["next"]["url"])
    assert following.params.multi_items() == [*parameters[:-1], ("page", "3")]
    assert [call["id"] for call in client.get(following).json()] == list(range(20, 30))


def test_an_empty_selection_is_one_empty_page(client: httpx.Client) -> None:
    answer = client.get(URL, params={"id[]": "100000"})
    assert (answer.status_code, answer.json(), answer.headers["Total"]) == (200, [], "0")
    assert answer.links.keys() == {"first", "last"}


def test_a_page_beyond_the_last_is_empty_and_leads_back(client: httpx.Client) -> None:
    answer = client.get(URL, params={"page": "99"})
    assert (answer.json(), answer.headers["Total"]) == ([], str(CALLS))
    assert httpx.URL(answer.links["prev"]["url"]).params["page"] == "6"
    assert "next" not in answer.links


def test_tailing_meets_every_call(client: httpx.Client) -> None:
    """The vendor's advice: ask again from the last `updated_at`, and page inside a crowded second."""
    met: set[int] = set()
    start, page = START.isoformat(), 1
    while True:
        parameters = {"sort_column": "updated_at", "sort_direction": "ASC", "updated_at[from]": start}
        calls = client.get(URL, params={**parameters, "page": str(page)}).json()
        met |= {call["id"] for call in calls}
        if len(calls) < 100:
            break
        last = calls[-1]["updated_at"]
        start, page = (start, page + 1) if last == start else (last, 1)
    assert met == set(range(CALLS))
