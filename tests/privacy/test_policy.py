"""Personal values that would pass the policy, lose their caller, or be told of in passing."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ccaip.drift import notice
from pipelines.ccaip.parse import Exploder
from pipelines.ccaip.privacy.policy import (
    KEEP_ALL,
    WITHHELD,
    Action,
    Policy,
    PrivacyFilter,
    Pseudonyms,
    check_action,
    is_pseudonym,
    masked,
)
from pipelines.ccaip.privacy.redact import kept_body
from pipelines.ccaip.tables import CONTACT, FREE_TEXT, IDENTIFIER, NAME, NETWORK, NONE, Privacy
from pipelines.errors import ConfigurationError, safe_message, safe_traceback
from tests.extraction.living import a_call

KEY = "0123456789abcdef"
DEFAULT = PrivacyFilter(Policy(), KEY)
MASKS = PrivacyFilter(Policy({each: Action.MASK for each in Privacy if each is not NONE}))
HASHES = PrivacyFilter(Policy({each: Action.HASH for each in Privacy if each is not NONE}), KEY)


@pytest.fixture(scope="module")
def exploder():
    exploder = Exploder()
    yield exploder
    exploder.close()


def call(**fields: Any) -> dict[str, Any]:
    return a_call(1, updated_at="2026-03-02T08:00:00.000Z", **fields)


def applied(
    exploder: Exploder, privacy: PrivacyFilter, *calls: dict[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    exploded = exploder.explode([json.dumps(each).encode() for each in calls])
    assert not exploded.rejected
    tables = privacy.apply(exploded.tables)
    assert {name: table.schema for name, table in tables.items()} == {
        name: table.schema for name, table in exploded.tables.items()
    }
    return {name: table.to_pylist() for name, table in tables.items()}


# --- pseudonyms -----------------------------------------------------------------------------------


def test_a_pseudonym_is_the_hmac_of_the_value_under_the_key() -> None:
    expected = hmac.new(KEY.encode(), b"+15550100100", hashlib.sha256).hexdigest()[:24]
    assert Pseudonyms(KEY).of("+15550100100") == f"pn_{expected}"
    assert is_pseudonym(f"pn_{expected}")
    assert Pseudonyms("another key, as long").of("+15550100100") != f"pn_{expected}"


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), unique=True, max_size=30))
def test_two_values_have_one_pseudonym_only_if_they_are_equal(values: list[str]) -> None:
    pseudonyms = Pseudonyms(KEY)
    assert len({pseudonyms.of(value) for value in values * 2}) == len(values)


def test_a_rotation_meets_what_lands_after_it() -> None:
    landed = Pseudonyms("the-old-key-of-callers").of("Ann")
    rewritten = Pseudonyms("the-new-key-of-callers").of(landed)
    assert rewritten == Pseudonyms("the-old-key-of-callers.the-new-key-of-callers").of("Ann")


def test_a_caller_is_the_same_in_calls_children_and_grandchildren(exploder) -> None:
    tables = applied(
        exploder,
        DEFAULT,
        call(
            end_user={"id": 42, "identifier": "+15550100100"},
            outbound_number="+15550100100",
            participants=[{"end_user_id": "42", "phone_number": "+15550100100"}],
        ),
        a_call(2, updated_at="2026-03-02T08:00:00.000Z", end_user={"id": "42"}),
    )
    first, second = sorted(tables["calls"], key=lambda row: row["id"])
    (party,) = tables["participants"]
    assert first["end_user__id"] == second["end_user__id"] == party["end_user_id"]
    assert first["outbound_number"] == first["end_user__identifier"] == party["phone_number"]
    assert is_pseudonym(first["end_user__id"])
    assert first["end_user__id"] != first["outbound_number"]


def test_a_policy_that_hashes_goes_nowhere_without_a_key() -> None:
    with pytest.raises(ConfigurationError, match="no key for pseudonyms") as stopped:
        PrivacyFilter(Policy())
    assert "callmart privacy make-key" in stopped.value.mend
    PrivacyFilter(KEEP_ALL)
    PrivacyFilter(Policy({IDENTIFIER: Action.DROP, NAME: Action.MASK, CONTACT: Action.KEEP}))
    with pytest.raises(ConfigurationError):
        PrivacyFilter(Policy(dict(KEEP_ALL.classes), {"calls.email": Action.HASH}))


# --- the other actions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("+1 (415) 555-0100", "+1***"),
        ("+4915112345678", "+49***"),
        ("+35312345678", "+353***"),
        ("4915112345678", "***"),
        ("ann.lee+x@mail.example.org", "***@mail.example.org"),
        ("Ann <ann@example.org>", "***"),
        ("https://ann:pw@files.example.org/r/1?token=x", "https://files.example.org/***"),
        ("Ann", "***"),
        ("", ""),
    ],
)
def test_a_mask_keeps_the_shape_and_not_the_person(value: str, shape: str) -> None:
    assert masked(value) == shape


def test_json_is_dropped_whole_or_treated_leaf_by_leaf(exploder) -> None:
    odd = call(sip_headers={"From": "Ann", "n": [5550100, None, True]}, nickname={"deep": "Annie"}, age=41)
    (dropped,) = applied(exploder, DEFAULT, odd)["calls"]
    assert dropped["sip_headers"] is None
    assert json.loads(dropped["_extra"]) == {
        "nickname": "(withheld: object)",
        "age": "(withheld: whole number)",
    }
    (hashed,) = applied(exploder, HASHES, odd)["calls"]
    names = Pseudonyms(KEY)
    assert json.loads(hashed["sip_headers"]) == {
        "From": names.of("Ann"),
        "n": [names.of("5550100"), None, names.of("true")],
    }
    assert json.loads(hashed["_extra"])["nickname"] == {"deep": names.of("Annie")}
    (shown,) = applied(exploder, MASKS, odd)["calls"]
    assert json.loads(shown["_extra"]) == {"nickname": {"deep": "***"}, "age": "***"}


def test_a_column_of_its_own_action_wins_over_its_class(exploder) -> None:
    policy = Policy({NETWORK: Action.KEEP}, {"calls.email": Action.MASK, "calls.sip_headers": Action.DROP})
    (row,) = applied(
        exploder, PrivacyFilter(policy, KEY),
        call(email="ann@example.org", outbound_number="+15550100100", sip_headers={"a": 1}, virtual_agent_params={"b": 2}),
    )["calls"]  # fmt: skip
    assert row["email"] == "***@example.org"
    assert is_pseudonym(row["outbound_number"])
    assert (row["sip_headers"], row["virtual_agent_params"]) == (None, '{"b":2}')


@pytest.mark.parametrize(
    ("name", "action", "problem"),
    [
        ("calls.emial", Action.KEEP, "not a column"),
        ("email", Action.KEEP, "not a column"),
        ("calls.id", Action.DROP, "cannot work without"),
        ("participants.call_id", Action.DROP, "cannot work without"),
        ("load_windows.window_id", Action.HASH, "cannot work without"),
        ("calls.rating", Action.HASH, "not text"),
        ("rejected_calls.body", Action.MASK, "kept or dropped"),
    ],
)
def test_an_action_that_a_column_cannot_have_is_refused(name: str, action: Action, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_action(name, action)
    check_action("calls.rating", Action.DROP)
    check_action("rejected_calls.body", Action.KEEP)


# --- rejected calls -------------------------------------------------------------------------------


def body(privacy: PrivacyFilter, value: Any) -> Any:
    kept, whole = kept_body(json.dumps(value).encode(), privacy)
    assert kept is not None
    assert not whole
    return json.loads(kept)


def test_of_a_rejected_call_each_leaf_is_kept_as_its_column_would_be() -> None:
    kept = body(
        DEFAULT,
        call(
            rating=2.5,
            wait_duration="12",
            end_user={"id": 42, "nickname": "Annie"},
            feedback="Ann was kind",
            participants=[{"id": 7, "first_name": "Ann", "fail_reason": "nothing"}, "Ann"],
            recordings=[{"id": 1, "redaction_times": [{"duration": 1.5, "by": "Ann"}]}],
            wait_time_sms=[{"text": "Ann"}],
        ),
    )
    assert (kept["id"], kept["status"], kept["wait_duration"]) == (1, "finished", "12")
    assert kept["rating"] == "(withheld: number with a fraction)"
    assert kept["end_user"] == {"id": Pseudonyms(KEY).of("42"), "nickname": "(withheld: text)"}
    assert kept["feedback"] == "(withheld: text)"
    assert kept["participants"] == [
        {"id": 7, "first_name": Pseudonyms(KEY).of("Ann"), "fail_reason": "nothing"},
        "(withheld: text)",
    ]
    assert kept["recordings"] == [{"id": 1, "redaction_times": [{"duration": 1.5, "by": "(withheld: text)"}]}]
    assert kept["wait_time_sms"] == ["(withheld: object)"]


@pytest.mark.parametrize(
    "odd",
    [
        {"status": {"said": "Ann"}},
        {"status": ["Ann"]},
        {"transfers": {"0": "Ann"}},
        {"transfers": "Ann"},
        {"agent_info": "Ann"},
        {"rating": "Ann"},
        {"ends_at": "Ann"},
        {"has_feedback": "Ann"},
        {"id": "Ann"},
        {"ann@example.org": "Ann"},
        {"agent_info": {"+15550100100": "Ann"}},
    ],
)
@pytest.mark.parametrize("privacy", [DEFAULT, MASKS, HASHES], ids=["default", "mask", "hash"])
def test_what_stands_where_it_does_not_belong_is_no_ones_class(privacy, odd) -> None:
    kept = json.dumps(body(privacy, call(**({"feedback": "x"} | odd))))
    assert "Ann" not in kept
    assert "ann@" not in kept
    assert "5550100100" not in kept


def test_of_what_is_no_json_nothing_is_kept() -> None:
    for broken in (
        b'{"feedback": "Ann',
        b'{"feedback": "\xff Ann"}',
        b'{"feedback": "\\ud800 Ann"}',
        b"[" * 9_000,
    ):
        assert kept_body(broken, DEFAULT) == (None, False)
        assert kept_body(broken, PrivacyFilter(KEEP_ALL))[1]


def test_a_rejected_call_without_anything_personal_is_whole() -> None:
    plain = b'{ "id": 1, "status": "finished", "rating": null }'
    assert kept_body(plain, DEFAULT) == (plain.decode(), True)
    personal = b'{"id": 1, "feedback": "Ann"}'
    assert kept_body(personal, PrivacyFilter(Policy({FREE_TEXT: Action.KEEP}), KEY)) == (
        personal.decode(),
        True,
    )
    only_bodies = PrivacyFilter(Policy({}, {"rejected_calls.body": Action.KEEP}), KEY)
    assert kept_body(personal, only_bodies) == (personal.decode(), True)
    no_bodies = PrivacyFilter(Policy(dict(KEEP_ALL.classes), {"rejected_calls.body": Action.DROP}))
    assert kept_body(personal, no_bodies) == (None, False)


# --- told in passing ------------------------------------------------------------------------------


def test_drift_tells_no_key_and_no_word_that_the_policy_would_not_show(exploder) -> None:
    odd = json.dumps(call(status="Ann", **{"ann@example.org": 1, "agent_info": {"+15550100100": 1}})).encode()
    told = notice(exploder.explode([odd]), [odd], Policy({}, {"calls.status": Action.DROP}))
    assert {(each.kind, each.field, each.value) for each in told} == {
        ("new_key", WITHHELD, ""),
        ("new_value", "status", WITHHELD),
    }


def test_a_failure_nobody_foresaw_tells_where_and_not_what() -> None:
    try:
        try:
            int("Ann")
        except ValueError as error:
            raise KeyError("Ann") from error
    except KeyError as error:
        told = safe_traceback(error)
    assert "Ann'" not in told.replace('int("Ann")', "").replace('KeyError("Ann")', "")
    assert told.count("message withheld") == 2
    assert "test_policy.py" in told
    assert (
        safe_message(FileNotFoundError(2, "No such file", "here"))
        == "FileNotFoundError: [Errno 2] No such file: 'here'"
    )
