"""A filter that lets a call slip, or lets one through, makes every test of the client worthless.

Each filter of the calls page is compared, over HTTP, with a plain comprehension over the bodies.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulator.calls import CallVersion
from simulator.platform import Clock, Credentials, Platform
from tests.shared import examples

Body = dict[str, Any]
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def _varied(call_id: int) -> Body:
    """A call whose every filtered field takes many values: null, missing, local time, odd types."""
    chance = random.Random(call_id)
    updated_at = START + timedelta(seconds=chance.randrange(60) * 60)

    def some(*values: Any) -> Any:
        return chance.choice(values)

    def instant(minutes: int) -> str:
        at = updated_at - timedelta(minutes=minutes)
        if call_id % 3:
            return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return (at - timedelta(hours=7)).strftime("%Y-%m-%dT%H:%M:%S.000-07:00")

    legs = [{"agent_id": some(1, 2, 3, 4)} for _ in range(some(0, 1, 1, 2))]
    body: Body = {
        "id": call_id,
        "call_type": some(
            "Voice Inbound (IVR)", "Voice Inbound (App)", "Voice Callback (Web)", "Voice Scheduled (App)",
            "Voice Scheduled (Web)", "Voice Outbound", "Voice Outbound", "Voice Internal",
        ),
        "status": some("finished", "failed", "action_only", "action_only_finished", "va_assigned", "odd"),
        "fail_reason": some("nothing", "nothing", "eu_abandoned", "menu_deleted", None),
        "created_at": instant(some(30, 31)),
        "queued_at": some(instant(20), instant(25), None),
        "connected_at": some(instant(10), instant(15), None),
        "scheduled_at": some(None, None, instant(40)),
        "updated_at": instant(0),
        "call_duration": some(0, 1, 30, 90, 90.5, None, "string"),
        "hold_duration": some(0, 5, 6, None),
        "rating": some(None, None, 1, 2, 3, 4, 5, "5"),
        "verified": some(True, False, None),
        "support_number": some("+15550100300", "+15550100301", None),
        "end_user": some({"id": 7}, {"id": 8}, {"id": 0}, None),
        "handle_durations": legs,
    }  # fmt: skip
    if chance.random() < 0.5:
        body["agent_info"] = some({"id": 1}, {"id": 5}, None)
    return body


CALLS = [_varied(call_id) for call_id in range(200)]


class Bodies:
    """A source that never changes, in an order of no meaning."""

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        return [CallVersion(call["id"], _at(call["updated_at"])) for call in reversed(CALLS)]

    def body(self, call_id: int, now: datetime) -> Body:
        return CALLS[call_id]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    credentials = Credentials("acme", "token")
    clock = Clock.frozen(START + timedelta(days=1))
    with (
        Platform(Bodies(), clock=clock, credentials=credentials, requests_per_second=0) as platform,
        httpx.Client(base_url=platform.base_url, auth=("acme", "token")) as http,
    ):
        yield http


def _selected(client: httpx.Client, parameters: Sequence[tuple[str, str]]) -> list[int]:
    """The ids the platform selects, over all pages, in its order."""
    found: list[int] = []
    url = str(httpx.URL("/manager/api/v1/calls", params=[*parameters, ("per", "100")]))
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        found += [call["id"] for call in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
    return found


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _within(value: Any, low: Any, high: Any) -> bool:
    return value is not None and value != "string" and low <= value <= high


def _class(call: Body) -> str | None:
    if call["status"].startswith("action_only"):
        return "ActionOnlyCall"
    if call["call_type"] == "Voice Outbound":
        return "AgentScheduledCall" if call["scheduled_at"] else "OutboundCall"
    return {
        "Voice Inbound (IVR)": "IvrCall",
        "Voice Inbound (App)": "IncomingCallApp",
        "Voice Callback (Web)": "IncomingCallWeb",
        "Voice Scheduled (App)": "ScheduledCallApp",
        "Voice Scheduled (Web)": "ScheduledCallWeb",
    }.get(call["call_type"])


def _handled_by(call: Body, agent_id: int) -> bool:
    return agent_id in [
        (call.get("agent_info") or {}).get("id"),
        *(leg["agent_id"] for leg in call["handle_durations"]),
    ]


T1, T2 = "2026-03-01T08:10:00.000Z", "2026-03-01T08:40:00.000Z"
AT1, AT2 = _at(T1), _at(T2)
LONG_AGO, FAR_OFF = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

Case = tuple[list[tuple[str, str]], Callable[[Body], bool]]
CASES: dict[str, Case] = {
    **{
        f"{column}[{end}]": (
            [(f"{column}[{end}]", T1 if end == "from" else T2)],
            lambda call, column=column, low=low, high=high: _within(_at(call[column]), low, high),  # type: ignore[misc]
        )
        for column in ("connected_at", "updated_at", "queued_at")
        for end, low, high in (("from", AT1, FAR_OFF), ("to", LONG_AGO, AT2))
    },
    "updated_at, both bounds with an offset": (
        [("updated_at[from]", "2026-03-01T01:10:00-07:00"), ("updated_at[to]", "2026-03-01T10:40:00+02:00")],
        lambda call: _within(_at(call["updated_at"]), AT1, AT2),
    ),
    "updated_at, one instant": (
        [("updated_at[from]", CALLS[3]["updated_at"]), ("updated_at[to]", CALLS[3]["updated_at"])],
        lambda call: _at(call["updated_at"]) == _at(CALLS[3]["updated_at"]),
    ),
    "updated_at without an offset is UTC": (
        [("updated_at[from]", "2026-03-01T08:10:00")],
        lambda call: _within(_at(call["updated_at"]), AT1, FAR_OFF),
    ),
    "call_duration[from]": ([("call_duration[from]", "30")], lambda call: _within(call["call_duration"], 30, 1e9)),
    "call_duration[to]": ([("call_duration[to]", "90")], lambda call: _within(call["call_duration"], 0, 90)),
    "hold_duration[from]": ([("hold_duration[from]", "6")], lambda call: _within(call["hold_duration"], 6, 1e9)),
    "hold_duration[to]": ([("hold_duration[to]", "5")], lambda call: _within(call["hold_duration"], 0, 5)),
    "rating[from]": ([("rating[from]", "4")], lambda call: call["rating"] in (4, 5, "5")),
    "rating[to]": ([("rating[to]", "2")], lambda call: call["rating"] in (1, 2)),
    "rating, unrated": ([("rating[to]", "null")], lambda call: call["rating"] is None),
    "rating, unrated or poor": (
        [("rating[from]", "null"), ("rating[to]", "2")],
        lambda call: call["rating"] in (None, 1, 2),
    ),
    "rating, any": ([("rating[from]", "null")], lambda call: True),
    "id[]": ([("id[]", "0"), ("id[]", "17"), ("id[]", "9999")], lambda call: call["id"] in (0, 17)),
    "agent_id[]": ([("agent_id[]", "5")], lambda call: _handled_by(call, 5)),
    "agent_id[], two": (
        [("agent_id[]", "1"), ("agent_id[]", "4")],
        lambda call: _handled_by(call, 1) or _handled_by(call, 4),
    ),
    "end_user_id[]": (
        [("end_user_id[]", "0"), ("end_user_id[]", "8")],
        lambda call: (call["end_user"] or {}).get("id") in (0, 8),
    ),
    "call_status[]": (
        [("call_status[]", "failed"), ("call_status[]", "va_assigned")],
        lambda call: call["status"] in ("failed", "va_assigned"),
    ),
    "call_fail_reason[]": ([("call_fail_reason[]", "nothing")], lambda call: call["fail_reason"] == "nothing"),
    "verified[], True": ([("verified[]", "True")], lambda call: call["verified"] is True),
    "verified[], false": ([("verified[]", "false")], lambda call: call["verified"] is False),
    "verified[], both": (
        [("verified[]", "true"), ("verified[]", "false")],
        lambda call: call["verified"] is not None,
    ),
    **{
        f"call_type[], {name}": ([("call_type[]", name)], lambda call, name=name: _class(call) == name)  # type: ignore[misc]
        for name in (
            "IncomingCallApp", "ScheduledCallApp", "OutboundCall", "AgentScheduledCall", "IvrCall",
            "IncomingCallWeb", "ScheduledCallWeb", "ActionOnlyCall",
        )
    },
    "support_number[]": (
        [("support_number[]", "+15550100301")],
        lambda call: call["support_number"] == "+15550100301",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_filter_alone_selects_what_the_bodies_say(client: httpx.Client, case: str) -> None:
    parameters, wanted = CASES[case]
    expected = [call["id"] for call in CALLS if wanted(call)]
    assert expected, "the case selects nothing, so it proves nothing"
    assert _selected(client, parameters) == expected


@settings(max_examples=examples(60), deadline=None)
@given(names=st.sets(st.sampled_from(sorted(CASES)), min_size=2, max_size=4))
def test_filters_combine_with_and(client: httpx.Client, names: set[str]) -> None:
    parameters = [pair for name in names for pair in CASES[name][0]]
    given_names = [name for name, _ in parameters]
    # One parameter in two cases is alternatives, or given twice; and the two bounds of a rating are
    # read together, as a null in one of them lets unrated calls in.
    assume(len(set(given_names)) == len(given_names))
    assume(sum(name.startswith("rating") for name in names) <= 1)
    expected = [call["id"] for call in CALLS if all(CASES[name][1](call) for name in names)]
    assert _selected(client, parameters) == expected


@pytest.mark.parametrize("query", ["id[]=1&id[]=2", "id%5B%5D=1&id%5B%5D=2"])
def test_brackets_encoded_or_not_are_the_same_parameter(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/manager/api/v1/calls?{query}")
    assert [call["id"] for call in answer.json()] == [1, 2]


@pytest.mark.parametrize(
    "column", ["id", "created_at", "queued_at", "connected_at", "updated_at", "call_duration"]
)
def test_a_sort_is_whole_with_ties_by_id_and_missing_values_last(client: httpx.Client, column: str) -> None:
    def key(call: Body) -> tuple[bool, Any, int]:
        value = _at(call[column]) if column.endswith("_at") else call[column]
        missing = value is None or value == "string"
        return missing, None if missing else value, call["id"]

    expected = [call["id"] for call in sorted(CALLS, key=key)]
    assert _selected(client, [("sort_column", column), ("sort_direction", "ASC")]) == expected
    assert _selected(client, [("sort_column", column), ("sort_direction", "desc")]) == expected[::-1]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("updated_at[from]", "yesterday"),
        ("updated_at[from]", "1772352000"),
        ("updated_at[to]", "2026-03-01T08:00:00 02:00"),
        ("queued_at[to]", "2026-02-30"),
        ("queued_at[from]", "0001-01-01T00:00:00+05:00"),
        ("connected_at[from]", ""),
        ("rating[from]", "0"),
        ("rating[to]", "2.5"),
        ("call_duration[to]", "nan"),
        ("hold_duration[from]", "long"),
        ("id[]", "seven"),
        ("id[]", "9" * 5000),
        ("agent_id[]", "1,2"),
        ("end_user_id[]", "-"),
        ("call_status[]", "done"),
        ("call_fail_reason[]", "Nothing"),
        ("verified[]", "maybe"),
        ("call_type[]", "Voice Inbound (IVR)"),
        ("support_number[]", " 15550100300"),
        ("sort_column", "name"),
        ("sort_direction", "up"),
        ("page", "0"),
        ("page", "-1"),
        ("per", "all"),
        ("update_at[from]", "2026-03-01"),
        ("id", "1"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_and_not_ignored(
    client: httpx.Client, parameter: str, value: str
) -> None:
    answer = client.get("/manager/api/v1/calls", params={parameter: value})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["parameter"] == parameter
    assert answer.json()["error"].startswith(parameter)


def test_a_bound_given_twice_is_refused(client: httpx.Client) -> None:
    answer = client.get("/manager/api/v1/calls?updated_at[from]=2026-03-01&updated_at[from]=2026-03-02")
    assert (answer.status_code, answer.json()["parameter"]) == (422, "updated_at[from]")
