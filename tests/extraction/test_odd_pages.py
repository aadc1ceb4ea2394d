"""One odd call, or an odd body, that would cost the other calls of its page, or every load from then on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from pipelines.ccaip.page import NoPage, read_calls
from pipelines.ccaip.parse import Exploder
from pipelines.progress import SilentProgress
from pipelines.warehouse.load import load_new
from simulator.platform import Clock, Credentials, Platform
from tests import queries
from tests.extraction.conftest import settings_for
from tests.extraction.living import START, LivingCalls, a_call, seconds, stamp
from tests.shared import examples
from tests.tenant import TOKEN, USER

HOUR = timedelta(hours=1)


class Rewriting:
    """Changes bytes in every answer that has them, as a server with a fault in its writer would."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._old, self._new = old, new

    def strike(self, answer: Response, clock: Clock) -> Response:
        return Response(
            bytes(answer.body).replace(self._old, self._new),
            answer.status_code,
            {name: value for name, value in answer.headers.items() if name != "content-length"},
        )


def loaded_through(home, fault: Rewriting, odd: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """What a load lands of 99 calls and an odd one, and what a second load changes of it: nothing."""
    calls = LivingCalls()
    for call_id in range(1, 100):
        calls.put(START + seconds(call_id), a_call(call_id))
    calls.put(START + seconds(50), a_call(500, **odd))
    platform = Platform(
        calls,
        clock=Clock.frozen(START + HOUR),
        credentials=Credentials(USER, TOKEN),
        requests_per_second=0,
        faults=fault,
    )
    with platform:
        for _ in range(2):
            load_new(settings_for(platform, home), home, SilentProgress())
            platform.clock.advance(HOUR)
    by_name = {
        "others": "select count(*) from ccaip.calls where id < 100",
        "odd": "select columns(c -> not starts_with(c, '_dlt_')) from ccaip.calls where id = 500",
        "rejected": "select call_key, reason from ccaip.rejected_calls",
        "drift": "select distinct kind, table_name, field, value from ccaip.drift",
    }
    return {name: queries.ask(home.warehouse, query) for name, query in by_name.items()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"MARK"', b'"a\\ud83d"'),
        (b'"MARK"', b'"\xff"'),
        (b'"MARK"', b"NaN"),
        (b'"MARK"', b"Infinity"),
        (b'"MARK"', b"[" * 3000 + b"]" * 3000),
        (b'"MARK"', b'"'),
        (b'"MARK"', b"}"),
        (b'"MARK"', b"]"),
    ],
)
def test_a_call_that_is_no_json_is_rejected_and_the_99_others_land(home, old, new):
    landed = loaded_through(home, Rewriting(old, new), {"feedback": "MARK"})
    assert landed["others"] == [(99,)]
    assert landed["odd"] == []
    assert len(landed["rejected"]) == 1


@pytest.mark.parametrize("odd_id", [b"500.0", b'"500"'])
def test_an_id_written_another_way_is_the_same_id(home, odd_id):
    landed = loaded_through(home, Rewriting(b'"id":500', b'"id":' + odd_id), {})
    assert (landed["others"], len(landed["odd"]), landed["rejected"]) == ([(99,)], 1, [])


@pytest.mark.parametrize("odd_id", [b'" 500"', b'"+500"', b'"5e2"', b"true", b'""', b"500.5", b"{}"])
def test_an_id_that_readers_could_take_for_different_ids_rejects_its_call_alone(home, odd_id):
    landed = loaded_through(home, Rewriting(b'"id":500', b'"id":' + odd_id), {})
    assert landed["others"] == [(99,)]
    assert len(landed["odd"]) + len(landed["rejected"]) == 1


def test_of_a_key_twice_the_last_counts_for_every_reader_and_is_told(home):
    odd = {"MARK": 1}
    landed = loaded_through(home, Rewriting(b'"MARK":1', b'"lang":"first","lang":"last"'), odd)
    (call,) = landed["odd"]
    assert "last" in call and "first" not in call
    assert any("twice" in value for _, _, _, value in landed["drift"])


def test_an_empty_text_where_an_instant_or_a_number_is_meant_is_null_and_told(home):
    landed = loaded_through(
        home, Rewriting(b"", b""), {"scheduled_at": "", "rating": "", "call_duration": ""}
    )
    assert (landed["others"], len(landed["odd"]), landed["rejected"]) == ([(99,)], 1, [])
    told = {(field, value) for _, _, field, value in landed["drift"]}
    assert ("scheduled_at", "empty text, read as NULL") in told
    assert ("call_duration", "empty text, read as NULL") in told


def test_instants_with_the_name_of_utc_are_read_by_every_reader(home):
    old = stamp(START + seconds(50)).encode()
    new = b"2026-03-02 08:00:50 UTC"
    assert old.decode().startswith("2026-03-02T08:00:50")
    landed = loaded_through(home, Rewriting(old, new), {})
    assert (landed["others"], len(landed["odd"]), landed["rejected"]) == ([(99,)], 1, [])


def test_a_byte_order_mark_and_an_answer_without_content_are_no_faults(home):
    landed = loaded_through(home, Rewriting(b'[{"id"', b'\xef\xbb\xbf[{"id"'), {})
    assert (landed["others"], len(landed["odd"])) == ([(99,)], 1)

    class NoContent:
        def strike(self, answer: Response, clock: Clock) -> Response:
            if bytes(answer.body) != b"[]":
                return answer
            return Response(b"", 204, {"Date": answer.headers["Date"]})

    platform = Platform(
        LivingCalls(), clock=Clock.frozen(START + 9 * HOUR), credentials=Credentials(USER, TOKEN),
        requests_per_second=0, faults=NoContent(),
    )  # fmt: skip
    with platform:
        assert load_new(settings_for(platform, home), home, SilentProgress()).calls == 0


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'[{"id":1}', b'{"calls":[]}', b'"[]"'])
def test_a_body_that_is_no_list_is_asked_for_again_and_never_taken_for_no_calls(body):
    with pytest.raises(NoPage):
        read_calls(body)


GOOD = [
    json.dumps(a_call(number, updated_at=stamp(START + seconds(number)), transfers=[{"id": 7}, {"id": 8}]))
    for number in range(1, 6)
]


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(0, 4), st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode)))
@example(2, b'{"id":9,"x":"')
@example(4, b'"')
@example(0, b",,,")
@example(1, b'{"id":1}]},{')
def test_whatever_bytes_stand_where_a_call_should_the_other_calls_are_as_they_were(place, odd):
    page = [call.encode() for call in GOOD]
    page[place] = odd
    calls = read_calls(b"[" + b",".join(page) + b"]")
    bodies = [call.body for call in calls]
    others = [call.encode() for number, call in enumerate(GOOD) if number != place]
    assert [body for body in bodies if body in others] == others
    for call in calls:
        if call.body in others:
            assert call.id is not None
            assert call.updated_at == datetime(2026, 3, 2, 8, 0, int(call.id), tzinfo=UTC)
    exploder = Exploder()
    try:
        exploded = exploder.explode([call.json for call in calls])
    finally:
        exploder.close()
    ids = [int(json.loads(other)["id"]) for other in others]
    assert set(ids) <= set(exploded.tables["calls"]["id"].to_pylist())
