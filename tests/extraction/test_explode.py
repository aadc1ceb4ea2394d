"""What would be lost or bent between a call's JSON and its tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ccaip.drift import notice
from pipelines.ccaip.parse import Exploded, Exploder
from pipelines.ccaip.privacy.policy import KEEP_ALL
from pipelines.ccaip.tables import CHILDREN, EXTRA, TABLES, Table
from tests.extraction.living import a_call, stamp
from tests.extraction.oracle import expected_rows, landed
from tests.shared import examples

FIXTURES = Path(__file__).parent.parent / "fixtures"
DOCUMENTS = ("real_call_1418.json", "documented_example_response.json", "documented_call_model.json")


@pytest.fixture(scope="module")
def exploder():
    with_memory = Exploder()
    yield with_memory
    with_memory.close()


def explode(exploder: Exploder, *calls: dict[str, Any] | bytes) -> Exploded:
    return exploder.explode(
        [call if isinstance(call, bytes) else json.dumps(call).encode() for call in calls]
    )


def rows(exploded: Exploded, table: str) -> list[dict[str, Any]]:
    """The table's rows, in key order."""
    return sorted(exploded.tables[table].to_pylist(), key=lambda row: [row[key] for key in TABLES[table].key])


def documented_calls() -> list[dict[str, Any]]:
    calls = []
    for name in DOCUMENTS:
        document = json.loads((FIXTURES / name).read_text())
        calls += document if isinstance(document, list) else [document]
    return calls


def call_with(**fields: Any) -> dict[str, Any]:
    return a_call(1, updated_at="2026-03-02T08:00:00.000Z", **fields)


# --- every documented leaf ---------------------------------------------------------------------------


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every leaf path, arrays by their elements."""
    if isinstance(value, dict) and value:
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for inner in value for leaf in leaves(inner, (*path, "[]"))]
    return [path]


def declared_paths() -> set[tuple[str, ...]]:
    paths = set()
    for table in TABLES.values():
        above: tuple[str, ...] = ()
        if table.parent:
            above = (table.array, "[]")
            parent = TABLES[table.parent]
            above = (parent.array, "[]", *above) if parent.parent else above
        paths |= {(*above, *path) for c in table.columns for path in (c.path, *c.aliases)}
    return paths


def test_every_documented_leaf_has_a_column_of_its_own():
    declared = declared_paths()
    arrays = {(table.array,) for table in CHILDREN}
    found = {leaf for call in documented_calls() for leaf in leaves(call)}
    without = {
        leaf
        for leaf in found
        if leaf not in declared
        and leaf not in arrays  # an empty array has no leaf
        and not any(leaf[: len(path)] == path for path in declared)  # inside a declared JSON column
        and not any(path[: len(leaf)] == leaf for path in declared)  # an object that is null here
    }
    assert not without
    assert len(found) > 250


def test_each_value_of_the_documents_stands_in_its_column(exploder):
    calls = documented_calls()
    exploded = explode(exploder, *calls)
    assert not exploded.rejected
    assert not exploded.unknown_keys
    for table in TABLES.values():
        expected = [
            row for call in sorted(calls, key=lambda c: c["id"]) for row in expected_rows(table, call)
        ]
        assert [landed(table, row) for row in rows(exploded, table.name)] == expected, table.name


# --- coercion and rejection -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kept"),
    [(5, 5), ("5", 5), (5.0, 5), ("-3", -3), (9_007_199_254_740_993, 9_007_199_254_740_993), (None, None)],
)
def test_a_whole_number_is_read_however_it_is_written(exploder, value, kept):
    assert rows(explode(exploder, call_with(rating=value)), "calls")[0]["rating"] == kept


@pytest.mark.parametrize("value", [2.5, "2.5", "five", "0x10", True, [1], {"a": 1}, 1e30])
def test_a_number_that_would_have_to_be_bent_rejects_the_call(exploder, value):
    exploded = explode(exploder, call_with(rating=value))
    assert [each.reason for each in exploded.rejected] == ["rating: expected a whole number"]
    assert not rows(exploded, "calls")


@pytest.mark.parametrize(
    ("value", "kept"), [(0, False), (1, True), ("0", False), ("true", True), (False, False), (None, None)]
)
def test_a_flag_is_read_however_it_is_written(exploder, value, kept):
    call = call_with(handle_durations=[{"transfer": value}])
    assert rows(explode(exploder, call), "handle_durations")[0]["transfer"] is kept


@pytest.mark.parametrize(
    ("field", "value"), [("verified", 2), ("verified", "perhaps"), ("queued_at", "soon")]
)
def test_flags_and_instants_that_mean_nothing_reject_the_call(exploder, field, value):
    assert len(explode(exploder, call_with(**{field: value})).rejected) == 1


@pytest.mark.parametrize("value", ["infinity", "epoch", "2026-02-30T00:00:00Z", "1772438400", 1_772_438_400])
def test_an_instant_is_an_iso_date_and_nothing_that_an_engine_takes_for_one(exploder, value):
    assert explode(exploder, call_with(queued_at=value)).rejected


def test_local_offsets_and_utc_give_the_same_instant(exploder):
    call = call_with(queued_at="2026-03-23T13:12:51.000-07:00", assigned_at="2026-03-23T20:12:51Z")
    row = rows(explode(exploder, call), "calls")[0]
    assert row["queued_at"] == row["assigned_at"] == datetime(2026, 3, 23, 20, 12, 51, tzinfo=UTC)


@pytest.mark.parametrize("text", ["{curly}", "[1]", '"', "", "ü\n\u2028", "null", "12345678901234567890123"])
def test_whatever_a_person_typed_stays_a_text(exploder, text):
    exploded = explode(exploder, call_with(feedback=text))
    assert not exploded.rejected
    assert rows(exploded, "calls")[0]["feedback"] == text


def test_a_nul_in_a_text_which_postgres_cannot_store_is_read_as_its_replacement_and_counted(exploder):
    exploded = explode(
        exploder, call_with(feedback="a\x00b\\u0000"), call_with(id=2, feedback="\\\x00"), call_with(id=3)
    )
    assert not exploded.rejected
    found = [row["feedback"] for row in rows(exploded, "calls")][:2]
    assert found == ["a\ufffdb\\u0000", "\\\ufffd"]
    assert exploded.nul_characters == 2
    assert {each.value for each in notice(exploded, [], KEEP_ALL)} >= {"text with U+0000, read as U+FFFD"}


def test_an_object_where_a_text_should_be_rejects_the_call(exploder):
    assert explode(exploder, call_with(lang={"code": "en"})).rejected[0].reason == "lang: expected a text"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"transfers": {"id": 1}}, "transfers: expected an array"),
        ({"transfers": "none"}, "transfers: expected an array"),
        ({"transfers": ["x"]}, "transfers[0] is no object"),
        ({"transfers": [None]}, "transfers[0] is no object"),
        ({"agent_info": "Jane"}, "agent_info: expected an object"),
        ({"transfers": [{}, {"to_agent": [1]}]}, "transfers[1].to_agent: expected an object"),
        ({"recordings": [{"redaction_times": 5}]}, "recordings[0].redaction_times: expected an array"),
        (
            {"recordings": [{}, {"redaction_times": [{}, {"end": "x"}]}]},
            "recordings[1].redaction_times[1].end: expected an instant (ISO 8601)",
        ),
        ({"updated_at": None}, "updated_at: missing"),
        ({"id": None}, "id: missing"),
    ],
)
def test_a_misshapen_call_is_rejected_whole_and_says_where(exploder, fields, reason):
    good = a_call(2, updated_at="2026-03-02T08:00:00.000Z", transfers=[{"id": 5}])
    exploded = explode(exploder, call_with(handle_durations=[{"id": 9}]) | fields, good)
    assert [(each.number, each.reason) for each in exploded.rejected] == [(0, reason)]
    assert [row["id"] for row in rows(exploded, "calls")] == [2]
    assert not rows(exploded, "handle_durations")
    assert [row["id"] for row in rows(exploded, "transfers")] == [5]


def test_objects_and_arrays_with_nothing_in_them_are_no_fault(exploder):
    empty = {"agent_info": {}, "end_user": {"id": None}, "menu_path": None, "photos": None, "videos": []}
    exploded = explode(exploder, call_with(**empty, transfers=[{}, {"id": None, "to_agent": {}}]))
    assert not exploded.rejected
    assert len(rows(exploded, "transfers")) == 2


def test_reasons_come_in_the_order_of_the_tables(exploder):
    call = call_with(rating="x", agent_info=5, transfers=[{"id": "x", "from_agent": 5}, 7], photos=1)
    assert explode(exploder, call).rejected[0].reason.split("; ") == [
        "agent_info: expected an object",
        "photos: expected an array",
        "rating: expected a whole number",
        "transfers[0].from_agent: expected an object",
        "transfers[0].id: expected a whole number",
        "transfers[1] is no object",
    ]


def test_a_reason_never_quotes_a_value(exploder):
    exploded = explode(exploder, call_with(rating="secret", agent_info={"id": "secret"}, queued_at="secret"))
    assert "secret" not in exploded.rejected[0].reason


def test_a_call_with_half_a_character_does_not_take_the_others_with_it(exploder):
    broken = json.dumps(call_with(feedback="X")).encode().replace(b'"X"', b'"\\ud800"')
    exploded = explode(exploder, broken, a_call(2, updated_at="2026-03-02T08:00:00.000Z"))
    assert [each.number for each in exploded.rejected] == [0]
    assert [row["id"] for row in rows(exploded, "calls")] == [2]


# --- unknown keys -----------------------------------------------------------------------------------


def test_undeclared_keys_are_kept_where_they_stood_and_counted(exploder):
    call = call_with(
        novelty={"a": [1, None]},
        nothing=None,
        agent_info={"id": 5, "shoe_size": 44},
        handle_durations=[{"id": 1}, {"id": 2, "mood": "good"}],
        recordings=[{"redaction_times": [{"why": "card"}]}],
    )
    exploded = explode(exploder, call, a_call(2, updated_at="2026-03-02T08:00:00.000Z"))
    extras = {name: [row[EXTRA.name] for row in rows(exploded, name)] for name in TABLES}
    assert json.loads(extras["calls"][0]) == {
        "novelty": {"a": [1, None]},
        "nothing": None,
        "agent_info.shoe_size": 44,
    }
    assert extras["calls"][1] is None
    assert extras["handle_durations"] == [None, '{"mood":"good"}']
    assert extras["redaction_times"] == ['{"why":"card"}']
    assert exploded.unknown_keys == {
        ("calls", "novelty"): 1,
        ("calls", "nothing"): 1,
        ("calls", "agent_info.shoe_size"): 1,
        ("handle_durations", "mood"): 1,
        ("redaction_times", "why"): 1,
    }


def test_a_key_is_undeclared_where_it_stands_though_it_is_declared_elsewhere(exploder):
    call = call_with(photos=[{"id": 1, "menu_path_id": 8}], agent_info={"id": 5, "identifier": "x"})
    assert explode(exploder, call).unknown_keys == {
        ("photos", "menu_path_id"): 1,
        ("calls", "agent_info.identifier"): 1,
    }


def test_an_undeclared_key_is_found_in_later_calls_and_batches_too(exploder):
    usual, odd = call_with(photos=[{"id": 1}]), call_with(photos=[{"id": 1}, {"id": 2, "depth": 3}])
    for calls, found in (([usual], 0), ([usual, odd | {"id": 2}], 1), ([usual], 0), ([odd], 1)):
        exploded = explode(exploder, *calls)
        assert exploded.unknown_keys.get(("photos", "depth"), 0) == found
        assert [row[EXTRA.name] for row in rows(exploded, "photos")].count('{"depth":3}') == found


def test_a_key_that_comes_twice_hides_no_undeclared_key_of_later_calls(exploder):
    odd = {"id": 5, "crew": "b"}
    twice = json.dumps(call_with(agent_info=odd)).encode()
    explode(exploder, twice[:-1] + b', "agent_info": {"id": 5}}')
    assert explode(exploder, call_with(agent_info=odd)).unknown_keys == {("calls", "agent_info.crew"): 1}


def test_an_undeclared_key_is_found_however_long_the_array(exploder):
    photos = [{"id": number} for number in range(50)] + [{"id": 50, "depth": 3}]
    exploded = explode(exploder, call_with(photos=photos), a_call(2, updated_at="2026-03-02T08:00:00.000Z"))
    assert [row[EXTRA.name] for row in rows(exploded, "photos")] == [None] * 50 + ['{"depth":3}']


def test_an_undeclared_key_beside_an_element_that_is_none_rejects_that_call_alone(exploder):
    call = call_with(photos=["x", {"id": 1, "depth": 3}])
    exploded = explode(exploder, call, a_call(2, updated_at="2026-03-02T08:00:00.000Z"))
    assert [(each.number, each.reason) for each in exploded.rejected] == [(0, "photos[0] is no object")]
    assert [row["id"] for row in rows(exploded, "calls")] == [2]


def test_keys_that_differ_by_case_alone_are_two_keys(exploder):
    exploded = explode(exploder, call_with(sip_headers={"callid": 1, "callId": 2}, Rating=4, rating=3))
    row = rows(exploded, "calls")[0]
    assert json.loads(row["sip_headers"]) == {"callid": 1, "callId": 2}
    assert row["rating"] == 3
    assert json.loads(row[EXTRA.name]) == {"Rating": 4}


# --- nothing to explode -----------------------------------------------------------------------------


def test_tables_are_typed_even_when_there_is_nothing_to_put_in_them(exploder):
    for name, table in exploder.explode([]).tables.items():
        assert table.num_rows == 0
        assert not any(str(field.type) == "null" for field in table.schema), name


# --- any call at all --------------------------------------------------------------------------------

_VALUES = {
    "text": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.integers(-5, 5),
    "bigint": st.none() | st.integers(-(2**62), 2**62) | st.integers(0, 99).map(str),
    "double": st.none() | st.floats(-1e6, 1e6, allow_nan=False),
    "bool": st.none() | st.sampled_from([True, False, 0, 1, "0", "1"]),
    "timestamp": st.none()
    | st.integers(0, 3_000_000_000).map(lambda second: stamp(datetime.fromtimestamp(second, UTC))),
    "json": st.none() | st.dictionaries(st.text("abC", max_size=3), st.integers() | st.none(), max_size=3),
}


def elements(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with any of the table's declared keys, present or not."""
    names = [column for column in table.columns if column.name not in ("id", "updated_at") or table.parent]

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        element: dict[str, Any] = {}
        for column in draw(st.lists(st.sampled_from(names), max_size=12, unique=True)):
            target = element
            path = draw(st.sampled_from([column.path, *column.aliases]))
            for key in path[:-1]:
                target = target.setdefault(key, {})
            target[path[-1]] = draw(_VALUES[column.type])
        for child in CHILDREN:
            if child.parent == table.name and draw(st.booleans()):
                element[child.array] = draw(st.none() | st.lists(elements(child), max_size=3))
        return element

    if not names or not all(column.path for column in table.columns):
        return st.dictionaries(st.text("ab", max_size=2), st.integers(), max_size=2)
    return build()


@settings(max_examples=examples(25), deadline=None)
@given(calls=st.lists(elements(TABLES["calls"]), min_size=1, max_size=5))
def test_any_declared_call_is_exploded_as_reading_it_leaf_by_leaf_would(exploder, calls):
    calls = [call | {"id": number, "updated_at": "2026-03-02T08:00:00Z"} for number, call in enumerate(calls)]
    exploded = explode(exploder, *calls)
    assert not exploded.rejected
    for table in TABLES.values():
        expected = [row for call in calls for row in expected_rows(table, call)]
        assert [landed(table, row) for row in rows(exploded, table.name)] == expected, table.name
