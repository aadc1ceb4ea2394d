"""What changes at the API without a word: unnoticed, counted wrongly, told for ever, or telling too much."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from pipelines.ccaip.drift import OTHERS, VALUES_KEPT, Drift, capped, enforce, fatal, notice, rows
from pipelines.ccaip.enumerations import known_words
from pipelines.ccaip.parse import Exploder
from pipelines.ccaip.privacy.policy import WITHHELD, Policy
from pipelines.ccaip.tables import TABLES
from pipelines.errors import QualityError
from tests.extraction.living import START, a_call
from tests.extraction.test_explode import documented_calls

CALL = a_call(1, updated_at="2026-03-02T08:00:00.000Z")


def noticed(exploder: Exploder, *calls: dict[str, Any] | bytes) -> Counter[Drift]:
    bodies = [call if isinstance(call, bytes) else json.dumps(call).encode() for call in calls]
    return notice(exploder.explode(bodies), bodies, Policy())


def test_the_vendors_own_documents_hold_nothing_new(exploder):
    assert noticed(exploder, *documented_calls()) == Counter()


def test_the_columns_of_words_are_declared_and_have_words():
    for table, columns in known_words().items():
        names = {column.name for column in TABLES[table].columns}
        assert columns.keys() <= names
        assert all(columns.values())


def test_a_new_key_a_new_word_and_how_often(exploder):
    calls = [
        CALL | {"id": number, "status": "hibernating", "transfers": [{"status": "teleported", "extra": 1}]}
        for number in range(3)
    ]
    calls[0] |= {"mood": "good", "agent_info": {"shoe_size": 43}}
    assert noticed(exploder, *calls) == Counter(
        {
            Drift("new_key", "calls", "mood"): 1,
            Drift("new_key", "calls", "agent_info.shoe_size"): 1,
            Drift("new_key", "transfers", "extra"): 3,
            Drift("new_value", "calls", "status", "hibernating"): 3,
            Drift("new_value", "transfers", "status", "teleported"): 3,
        }
    )


def test_new_keys_of_a_call_that_is_rejected_are_not_said_to_be_kept(exploder):
    seen = noticed(exploder, CALL | {"mood": "good", "rating": "five"})
    assert seen == Counter({Drift("new_type", "calls", "rating", "text, expected a whole number"): 1})


def test_a_number_of_a_list_is_known_by_its_number(exploder):
    seen = noticed(exploder, CALL | {"adapter_fail_code": 10001}, CALL | {"id": 2, "adapter_fail_code": 777})
    assert seen == Counter({Drift("new_value", "calls", "adapter_fail_code", "777"): 1})


@pytest.mark.parametrize("word", ["+1 555 0100300", "15550100300", "ann@example.com", "x" * 61, "a\nb"])
def test_what_is_no_word_is_told_without_being_shown(exploder, word):
    seen = noticed(exploder, CALL | {"status": word, "fail_reason": "eu_gone (2)"})
    assert seen == Counter(
        {
            Drift("new_value", "calls", "status", WITHHELD): 1,
            Drift("new_value", "calls", "fail_reason", "eu_gone (2)"): 1,
        }
    )


def test_free_text_is_never_shown(exploder):
    assert noticed(exploder, CALL | {"feedback": "Ann was kind", "fail_details": "odd"}) == Counter()


def test_a_rejected_type_is_counted_in_every_call(exploder):
    """In more calls than a sample would see, and by the type that came."""
    calls = [CALL | {"id": number, "rating": "five"} for number in range(70)]
    calls += [CALL | {"id": 100, "rating": 2.5}, CALL | {"id": 101, "rating": None}]
    assert noticed(exploder, *calls) == Counter(
        {
            Drift("new_type", "calls", "rating", "text, expected a whole number"): 70,
            Drift("new_type", "calls", "rating", "number with a fraction, expected a whole number"): 1,
        }
    )


@pytest.mark.parametrize(
    ("fields", "table", "field", "value"),
    [
        ({"transfers": {}}, "calls", "transfers", "object, expected an array"),
        ({"agent_info": "Ann"}, "calls", "agent_info", "text, expected an object"),
        ({"lang": ["en"]}, "calls", "lang", "array, expected a text"),
        ({"verified": "perhaps"}, "calls", "verified", "text, expected true or false"),
        ({"queued_at": 1700000000}, "calls", "queued_at", "whole number, expected an instant (ISO 8601)"),
        ({"id": None}, "calls", "id", "missing"),
        ({"handle_durations": [{}, 7]}, "handle_durations", "", "whole number, expected an object"),
        (
            {"transfers": [{}, {"from_menu": {"items_count": "many"}}]},
            "transfers",
            "from_menu_path.items_count",
            "text, expected a whole number",
        ),
        (
            {"recordings": [{}, {"redaction_times": [{"duration": True}]}]},
            "redaction_times",
            "duration",
            "true or false, expected a number",
        ),
    ],
)
def test_a_rejected_type_is_told_wherever_it_stands(exploder, fields, table, field, value):
    assert noticed(exploder, CALL | fields) == Counter({Drift("new_type", table, field, value): 1})


def test_a_type_that_changed_is_counted_in_every_call_though_it_is_read(exploder):
    """The odd one among thousands too, in arrays and objects, and not where the call was rejected."""
    calls = [CALL | {"id": number, "transfers": [{"id": str(number)}, {"id": 7}]} for number in range(1_000)]
    calls[500] |= {
        "rating": 5.0,
        "verified": "true",
        "agent_info": {"agent_number": "7"},
        "recordings": [{"redaction_times": [{"duration": "1.5"}, {"duration": " 2"}]}],
    }
    calls[501] |= {"rating": "4", "verified": "perhaps"}
    seen = noticed(exploder, *calls)
    assert seen == Counter(
        {
            Drift("new_type", "transfers", "id", "text, read as a whole number"): 999,
            Drift("new_type", "calls", "rating", "number with a fraction, read as a whole number"): 1,
            Drift("new_type", "calls", "verified", "text, read as true or false"): 1,
            Drift("new_type", "redaction_times", "duration", "text, read as a number"): 2,
            Drift("new_type", "calls", "verified", "text, expected true or false"): 1,
        }
    )


def test_types_that_the_vendor_mixes_are_no_news(exploder):
    mixed = {"barged": 0, "transfer": 1}
    call = CALL | {
        "has_feedback": 1,
        "agent_info": {"agent_number": 7},
        "handle_durations": [mixed],
        "transfers": [{"deflection": 0}],
    }
    assert noticed(exploder, call) == Counter()


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": 1, "id": 2, "updated_at": "2026-03-02T08:00:00Z", "transfers": [{"id": "x"}], "transfers": 5}',
        b'{"id": 1, "updated_at": "2026-03-02T08:00:00Z", "rating": 1e999}',
        b'{"id": 1, "updated_at": "2026-03-02T08:00:00Z", "lang": "\\ud800"}',
        b'{"id": 1, "updated_at": "2026-03-02T08:00:00Z", "sip_headers": {"x": 1e999}}',
    ],
)
def test_noticing_never_stops_a_load(exploder, body):
    noticed(exploder, body, CALL)


def test_a_field_of_endless_words_does_not_fill_the_table(exploder):
    calls = [CALL | {"id": number, "status": f"state {number}"} for number in range(60)]
    seen = noticed(exploder, *calls)
    assert len(seen) == VALUES_KEPT + 1
    assert seen[Drift("new_value", "calls", "status", OTHERS)] == 60 - VALUES_KEPT
    kept = list(seen)
    seen += noticed(exploder, *(CALL | {"id": number, "status": f"other {number}"} for number in range(99)))
    assert list(capped(seen)) == kept  # what a run has landed is counted on, never dropped
    assert sum(capped(seen).values()) == 60 + 99


def test_rows_hold_what_is_declared():
    seen = Counter({Drift("new_key", "calls", "mood"): 2})
    assert rows(seen, "run", START).to_pylist() == [
        {
            "run_id": "run",
            "kind": "new_key",
            "table_name": "calls",
            "field": "mood",
            "value": "",
            "occurrences": 2,
            "noticed_at": START,
        }
    ]
    assert rows(Counter(), "run", START).num_rows == 0


STATUS = Drift("new_value", "calls", "status", "hibernating")
NESTED = Drift("new_key", "transfers", "from_agent.mood")


@pytest.mark.parametrize(
    ("patterns", "met"),
    [
        ([], []),
        (["calls.status"], [STATUS]),
        (["transfers.*"], [NESTED]),
        (["*.status"], [STATUS]),
        (["calls.stat", "participants.*"], []),
        (["*.*"], [STATUS, NESTED]),
    ],
)
def test_a_contract_meets_its_fields_alone(patterns, met):
    assert fatal([STATUS, NESTED], patterns) == met


def test_a_broken_contract_names_the_field_and_the_mend():
    enforce([STATUS], ["transfers.*"])
    with pytest.raises(QualityError, match=r"new value of calls\.status: hibernating") as caught:
        enforce([STATUS], ["calls.*"])
    assert "dbt_project/seeds" in caught.value.mend
