"""One odd call, or an odd body, that would cost the other calls of its page, or every load from then on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from pipelines.ccaip.page import NoPage, read_calls
from pipelines.ccaip.parse import Exploder
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.warehouse.load import load_new
from simulator.platform import Clock
from tests import queries
from tests.empty import with_warehouse
from tests.extraction.conftest import settings_for
from tests.extraction.living import START, LivingCalls, a_call, seconds, stamp
from tests.shared import examples
from tests.tenant import tenant

HOUR = timedelta(hours=1)


NO_JSON = (b'"a\\ud83d"', b'"\xff"', b"NaN", b"Infinity", b"[" * 3000 + b"]" * 3000, b'"', b"}", b"]")
"""Values, as bytes, that make a call no JSON."""
SAME_ID = (b"500.0", b'"500"')
"""Other ways to write the id 500."""
DOUBTFUL_ID = (b'" 500"', b'"+500"', b'"5e2"', b"true", b'""', b"500.5", b"{}")
"""What readers could take for different ids."""
KEY_TWICE, EMPTY_TEXTS, NAMED_ZONE = "a key twice", "empty texts", "an instant with the name of UTC"
ODD: tuple[bytes | str, ...] = (*NO_JSON, *SAME_ID, *DOUBTFUL_ID, KEY_TWICE, EMPTY_TEXTS, NAMED_ZONE)
"""What is odd about a call. Each has a hundred calls of its own: itself and the 99 others of its page."""


def id_of(odd: bytes | str) -> int:
    """The id of the odd call. The 99 others have the ids that follow."""
    return 1_000 + 100 * ODD.index(odd)


def changed_at(odd: bytes | str) -> datetime:
    """When the odd call changed: amid its 99 others, which are a second apart."""
    return START + seconds(id_of(odd) - 1_000 + 50)


def fields_of(odd: bytes | str) -> dict[str, Any]:
    """The odd call's fields, before `replacement`. Its language tells it from others when it is rejected."""
    marked = f"MARK {id_of(odd)}"
    fields = {KEY_TWICE: {marked: 1}, EMPTY_TEXTS: {"scheduled_at": "", "rating": "", "call_duration": ""}}
    return {"lang": f"case {id_of(odd)}"} | fields.get(str(odd), {"feedback": marked})


def replacement(odd: bytes | str) -> tuple[bytes, bytes]:
    """Which bytes of the odd call a fault in the server's writer replaces, and with what."""
    number = b"%d" % id_of(odd)
    if odd in NO_JSON:
        return b'"MARK %s"' % number, bytes(odd)
    if odd in (*SAME_ID, *DOUBTFUL_ID):
        its_id = bytes(odd).replace(b"500", number).replace(b"5e2", b"%de2" % (id_of(odd) // 100))
        return b'"id":%s,' % number, b'"id":%s,' % its_id
    if odd == KEY_TWICE:
        return b'"MARK %s":1' % number, b'"lang":"first","lang":"last"'
    if odd == NAMED_ZONE:
        return stamp(changed_at(odd)).encode(), f"{changed_at(odd):%Y-%m-%d %H:%M:%S} UTC".encode()
    return b"", b""


class Rewriting:
    """Changes bytes in every answer that has them, as a server with a fault in its writer would."""

    def __init__(self, *replacements: tuple[bytes, bytes]) -> None:
        self._replacements = replacements

    def strike(self, answer: Response, clock: Clock) -> Response:
        body = bytes(answer.body)
        for old, new in self._replacements:
            body = body.replace(old, new)
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return Response(body, answer.status_code, headers)


@dataclass(frozen=True)
class Landed:
    """What two loads have landed of all odd calls and their neighbours; the second must change nothing."""

    warehouse: Path

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return queries.ask(self.warehouse, query)

    def others(self, odd: bytes | str) -> int:
        """How many of the 99 calls in the odd call's page landed."""
        query = f"select count(*) from ccaip.calls where id between {id_of(odd) + 1} and {id_of(odd) + 99}"
        return self.ask(query)[0][0]

    def call(self, odd: bytes | str) -> list[tuple[Any, ...]]:
        """The odd call."""
        names = "columns(c -> not starts_with(c, '_dlt_'))"
        return self.ask(f"select {names} from ccaip.calls where id = {id_of(odd)}")

    def rejected(self, odd: bytes | str) -> list[tuple[Any, ...]]:
        """Why the odd call was rejected."""
        mark = f'"case {id_of(odd)}"'
        return self.ask(f"select call_key, reason from ccaip.rejected_calls where contains(body, '{mark}')")

    def drift(self) -> set[tuple[str, str]]:
        """Fields and values that were reported."""
        return set(self.ask("select field, value from ccaip.drift"))


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    """Each page has one odd call: they change a hundred seconds, and a hundred calls, after each other."""
    home = with_warehouse(Home(tmp_path_factory.mktemp("odd pages")))
    calls = LivingCalls()
    for odd in ODD:
        calls.put(changed_at(odd), a_call(id_of(odd), **fields_of(odd)))
        for number in range(1, 100):
            calls.put(START + seconds(id_of(odd) - 1_000 + number), a_call(id_of(odd) + number))
    with tenant(calls, START + HOUR, faults=Rewriting(*map(replacement, ODD))) as platform:
        settings = replace(
            settings_for(platform, home), overlap_seconds=3_600
        )  # the second load reads all again
        for _ in range(2):
            load_new(settings, home, SilentProgress())
            platform.clock.advance(HOUR)
    return Landed(home.warehouse)


@pytest.mark.parametrize("odd", NO_JSON)
def test_a_call_that_is_no_json_is_rejected_and_the_99_others_land(landed, odd):
    assert landed.others(odd) == 99
    assert landed.call(odd) == []
    assert len(landed.rejected(odd)) == 1


@pytest.mark.parametrize("odd", SAME_ID)
def test_an_id_written_another_way_is_the_same_id(landed, odd):
    assert (landed.others(odd), len(landed.call(odd)), landed.rejected(odd)) == (99, 1, [])


@pytest.mark.parametrize("odd", DOUBTFUL_ID)
def test_an_id_that_readers_could_take_for_different_ids_rejects_its_call_alone(landed, odd):
    assert landed.others(odd) == 99
    assert len(landed.call(odd)) + len(landed.rejected(odd)) == 1


def test_nothing_but_the_odd_calls_is_rejected(landed):
    ((rejected,),) = landed.ask("select count(*) from ccaip.rejected_calls")
    assert rejected == sum(len(landed.rejected(odd)) for odd in ODD)
    assert landed.ask("select count(*) from ccaip.calls") == [(100 * len(ODD) - rejected,)]


def test_of_a_key_twice_the_last_counts_for_every_reader_and_is_reported(landed):
    (call,) = landed.call(KEY_TWICE)
    assert "last" in call and "first" not in call
    assert any("twice" in value for _, value in landed.drift())


def test_an_empty_text_where_an_instant_or_a_number_is_meant_is_null_and_reported(landed):
    odd = EMPTY_TEXTS
    assert (landed.others(odd), len(landed.call(odd)), landed.rejected(odd)) == (99, 1, [])
    assert ("scheduled_at", "empty text, read as NULL") in landed.drift()
    assert ("call_duration", "empty text, read as NULL") in landed.drift()


def test_instants_with_the_name_of_utc_are_read_by_every_reader(landed):
    odd = NAMED_ZONE
    assert (landed.others(odd), len(landed.call(odd)), landed.rejected(odd)) == (99, 1, [])


def test_a_byte_order_mark_and_an_answer_without_content_are_no_faults(home):
    calls = LivingCalls()
    for call_id in range(1, 101):
        calls.put(START + seconds(call_id), a_call(call_id))
    with tenant(calls, START + HOUR, faults=Rewriting((b'[{"id"', b'\xef\xbb\xbf[{"id"'))) as platform:
        load_new(settings_for(platform, home), home, SilentProgress())
    assert queries.ask(home.warehouse, "select count(*) from ccaip.calls") == [(100,)]

    class NoContent:
        def strike(self, answer: Response, clock: Clock) -> Response:
            if bytes(answer.body) != b"[]":
                return answer
            return Response(b"", 204, {"Date": answer.headers["Date"]})

    with tenant(LivingCalls(), START + 9 * HOUR, faults=NoContent()) as platform:
        assert load_new(settings_for(platform, home), home, SilentProgress()).calls == 0


REJECTED, NULL = "rejected", None
UTC_10 = datetime(2026, 3, 2, 10, tzinfo=UTC)
ODD_VALUES: list[tuple[str, bytes, Any]] = [
    *(("feedback", odd, REJECTED) for odd in (
        b'"\\udc00"', b'"\\ud83d\\ud83d"', b'"\xc0\x80"', b'"\xed\xa0\xbd"', b'"\x00"', b'"\\x"', b'"\\u12"', b"-Infinity",
        b"nan", b"undefined", b"0123", b"+1", b"1.", b"'x'", b"[1,]", b"9" * 5000, b"[" * 2000 + b"]" * 2000,
    )),
    ("feedback", b"1e400", "1e400"), ("feedback", b"9" * 30, "9" * 30), ("feedback", b'"null"', "null"),
    ("feedback", b'""', ""), ("feedback", b"[1]", REJECTED),
    *(("rating", odd, REJECTED) for odd in (
        b"1e400", b"9" * 25, b"5.5", b"true", b"{}", b"[]", b"[5]", b'"NaN"', b'"0x5"', b'"\\u0000"', b"9223372036854775808",
    )),
    *(("rating", odd, NULL) for odd in (b"null", b'""', b'" "', b'"null"', b'" NULL "')),
    ("rating", b"5.0", 5), ("rating", b'"5"', 5), ("rating", b"5e0", 5), ("rating", b"-5", -5),
    *(("verified", odd, REJECTED) for odd in (b"2", b'"yes"', b"{}", b"0.5")),
    ("verified", b'"TRUE"', True), ("verified", b"0", False), ("verified", b'"\\t"', NULL), ("verified", b'"null"', NULL),
    *(("ends_at", odd, REJECTED) for odd in (
        b'"2026-03-02T10:00:60Z"', b'"2026-02-30T00:00:00Z"', b'"0000-01-01T00:00:00Z"', b'"10000-01-01T00:00:00Z"',
        b'"0001-01-01T00:00:00+14:00"', b'"2026-03-02 (BC)"', b'"2026-03-02T10:00:00 PST"', b'"2026-03-02T10:00:00+24:00"',
        b'"infinity"', b'"epoch"', b'"now"', b'"Mon, 02 Mar 2026 10:00:00 GMT"', b"1772445600", b"20260302", b"true", b"[]",
    )),
    *(("ends_at", odd, NULL) for odd in (b'""', b'"  "', b'"null"', b'"0000-00-00"', b'"0000-00-00 00:00:00"')),
    *(("ends_at", odd, UTC_10) for odd in (
        b'"2026-03-02T10:00:00Z"', b'"2026-03-02T12:00:00.000+02:00"', b'"2026-03-02 15:30:00 +0530"', b'"2026-03-02T10:00Z"',
        b'"2026-03-02t10:00:00z"', b'" 2026-03-02 10:00:00 utc "', b'"2026-03-02T10:00:00 GMT"', b'"2026-03-02T10:00:00"',
        b'"2026-03-02T10:00:00.000000000Z"', b'"2026-03-02T10:00:00,0Z"',
    )),
    ("ends_at", b'"2026-03-02T24:00:00Z"', datetime(2026, 3, 3, tzinfo=UTC)),
    ("ends_at", b'"9999-12-31T23:59:59.999Z"', datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)),
    *(("agent_info", odd, REJECTED) for odd in (b"[]", b'"Ann"', b"0", b"false", b'""', b'{"id":{}}', b'{"name":["Ann"]}')),
    *(("transfers", odd, REJECTED) for odd in (b"{}", b'"x"', b"0", b"[null]", b'[{"id":1},null]', b"[[]]", b'[{"id":{"id":1}}]')),
]  # fmt: skip
"""A field, the bytes of its value, and what lands."""


def test_odd_values_side_by_side_land_as_what_they_mean_or_reject_their_call_alone(home):
    """In one page, so that neighbours are odd too."""
    fields = {f"{number}": field for number, (field, _, _) in enumerate(ODD_VALUES)}
    calls = LivingCalls()
    for number, field in fields.items():
        calls.put(START + seconds(int(number)), a_call(1_000 + int(number), **{field: f"MARK {number}."}))
    for call_id in range(1, 50):
        calls.put(START + seconds(call_id), a_call(call_id))

    class Odd:
        def strike(self, answer: Response, clock: Clock) -> Response:
            body = bytes(answer.body)
            for number, (_, odd, _) in enumerate(ODD_VALUES):
                body = body.replace(b'"MARK %d."' % number, odd)
            headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
            return Response(body, answer.status_code, headers)

    with tenant(calls, START + HOUR, faults=Odd()) as platform:
        report = load_new(replace(settings_for(platform, home), rejected_share=1.0), home, SilentProgress())
    assert report.problems == [], "the ledger counts each call, also those that nobody can read"
    read = "id, feedback, rating, verified, ends_at"
    landed = {row[0]: dict(zip(("feedback", "rating", "verified", "ends_at"), row[1:], strict=True))
              for row in queries.ask(home.warehouse, f"select {read} from ccaip.calls")}  # fmt: skip
    assert landed.keys() >= set(range(1, 50))
    for number, (field, odd, outcome) in enumerate(ODD_VALUES):
        found = landed.get(1_000 + number, {field: REJECTED})[field] if field != "agent_info" else REJECTED
        assert found == outcome, (field, odd)
    expected = sum(outcome == REJECTED for _, _, outcome in ODD_VALUES)
    assert queries.ask(home.warehouse, "select count(*) from ccaip.rejected_calls") == [(expected,)]
    assert len(landed) == 49 + len(ODD_VALUES) - expected


CUT = b'{"id":%d,"lang":"en","updated_at":"2026-03-02T08:00:00Z","feedback":"'
BROKEN = b'{"id":%d,"lang":"en","updated_at":"2026-03-02T08:00:00Z","feedback":"\\x","transfers":[' + b",".join(
    b'{"id":%d,"updated_at":"2026-03-02T08:00:00Z","to_agent":null}' % number for number in range(11, 15)
) + b"]}"  # fmt: skip
WHOLE = b'{"id":%d,"lang":"en","updated_at":"2026-03-02T08:00:00Z"}'


@pytest.mark.parametrize(
    "kinds",
    [(BROKEN, BROKEN, WHOLE), (WHOLE, CUT, CUT, WHOLE), (CUT, BROKEN, CUT), (BROKEN, WHOLE, BROKEN, CUT, CUT, BROKEN)],
)  # fmt: skip
def test_broken_calls_beside_each_other_stay_calls_of_their_own_and_rows_of_arrays_are_none(kinds):
    page = [kind % number for number, kind in enumerate(kinds, 1)]
    assert [call.body for call in read_calls(b"[" + b",".join(page) + b"]")] == page


stamps = st.builds(
    "{}-{}-{}{}{}:{}{}{}{}".format,
    st.sampled_from(["2026", "0001", "9999", "0000", "1970"]), *[st.sampled_from(["01", "02", "12", "30", "31", "00"])] * 2,
    st.sampled_from(["T", " ", "t"]), st.sampled_from(["00", "10", "23", "24", "25"]), st.sampled_from(["00", "59", "60"]),
    st.sampled_from(["", ":00", ":59", ":60"]), st.sampled_from(["", ".5", ".999", ".9999999", ",25"]),
    st.sampled_from(["Z", "", " UTC", "z", "+05:30", "-0800", "+14:00", "+24:00", " PST", "+10:75", "+99:00"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def exploder() -> Iterator[Exploder]:
    exploder = Exploder()
    yield exploder
    exploder.close()


@settings(max_examples=examples(25), deadline=None)
@given(written=st.lists(stamps, min_size=20, max_size=60))
def test_the_two_readers_of_a_call_read_every_instant_alike(exploder, written):
    bodies = [b'{"id":%d,"updated_at":"%s"}' % (number, text.encode()) for number, text in enumerate(written)]
    calls = read_calls(b"[" + b",".join(bodies) + b"]")
    table = exploder.explode(bodies).tables["calls"]
    landed = dict(zip(table["id"].to_pylist(), table["updated_at"].to_pylist(), strict=True))
    assert landed == {number: call.updated_at for number, call in enumerate(calls) if call.updated_at}


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'[{"id":1}', b'{"calls":[]}', b'"[]"'])
def test_a_body_that_is_no_list_is_asked_for_again_and_never_taken_for_no_calls(body):
    with pytest.raises(NoPage):
        read_calls(body)


GOOD = [
    json.dumps(a_call(number, updated_at=stamp(START + seconds(number)), transfers=[{"id": 7}, {"id": 8}]))
    for number in range(1, 6)
]


@settings(max_examples=examples(50), deadline=None)
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
