"""A field that tells of a person and has no privacy class, or the wrong one."""

from __future__ import annotations

import inspect

import pytest

from pipelines.ccaip import tables
from pipelines.ccaip.privacy.policy import DEFAULT_ACTIONS, KEEP_ALL, Action, Policy, declared_columns
from pipelines.ccaip.tables import (
    CONTACT,
    EXTRA,
    FREE_TEXT,
    IDENTIFIER,
    LINK,
    NAME,
    NETWORK,
    NONE,
    TABLES,
    Column,
    Privacy,
)

MARKED_ON_THE_PAGE = {
    "calls.agent_info__name": NAME,
    "calls.agent_info__last_name": NAME,
    "calls.agent_info__first_name": NAME,
    "calls.end_user__id": IDENTIFIER,
    "calls.end_user__identifier": IDENTIFIER,
    "calls.end_user__out_contact_id": IDENTIFIER,
    "photos.id": LINK,
    "photos.photo_type": LINK,
    "photos.url": LINK,
    "videos.id": LINK,
    "videos.url": LINK,
    "transfers.from_agent__name": NAME,
    "transfers.from_agent__last_name": NAME,
    "transfers.from_agent__first_name": NAME,
    "transfers.to_agent__name": NAME,
    "transfers.to_agent__last_name": NAME,
    "transfers.to_agent__first_name": NAME,
    "participants.user_id": IDENTIFIER,
    "participants.end_user_id": IDENTIFIER,
}
IN_PAYLOADS = {
    "participants.phone_number": CONTACT,
    "participants.email": CONTACT,
    "participants.first_name": NAME,
    "participants.middle_name": NAME,
    "participants.last_name": NAME,
    "calls.agent_info__email": CONTACT,
    "calls.sip_headers": NETWORK,
    "participants.sip_headers": NETWORK,
    "calls.virtual_agent_params": NETWORK,
    "participants.virtual_agent_params": NETWORK,
    "dispositions.note": FREE_TEXT,
    "calls.feedback": FREE_TEXT,
    "calls.smart_action_text": FREE_TEXT,
    "calls.custom_data_secured": FREE_TEXT,
    "calls.custom_data_not_secured": FREE_TEXT,
    "calls.outbound_number": CONTACT,
    "calls.recording_url": LINK,
    "calls.email": CONTACT,
    "calls.out_ticket_id": IDENTIFIER,
    "calls.out_ticket_url": LINK,
    "escalations.to_agent__name": NAME,
}


def test_the_pages_nineteen_marks_and_what_payloads_add_are_classed() -> None:
    assert len(MARKED_ON_THE_PAGE) == 19
    found = {
        name: declared_columns()[tuple(name.split("."))].privacy for name in MARKED_ON_THE_PAGE | IN_PAYLOADS
    }
    assert found == MARKED_ON_THE_PAGE | IN_PAYLOADS


def test_a_new_column_of_text_or_json_cannot_be_declared_without_a_class() -> None:
    for shorthand in (Column, tables._text, tables._json):  # noqa: SLF001
        assert inspect.signature(shorthand).parameters["privacy"].default is inspect.Parameter.empty
    with pytest.raises(TypeError, match="privacy"):
        tables._text("nickname", "What the caller is called.")  # type: ignore[call-arg]  # noqa: SLF001


def test_a_column_that_is_no_text_has_no_class_for_no_pseudonym_would_fit_it() -> None:
    unfit = [
        f"{table}.{column.name}"
        for (table, _), column in declared_columns().items()
        if column.type not in ("text", "json") and column.privacy is not NONE
    ]
    assert not unfit


def test_json_whose_keys_nobody_declared_is_personal() -> None:
    open_ = [name for name, column in declared_columns().items() if column.type == "json"]
    assert len(open_) > len(TABLES)
    assert not [name for name in open_ if declared_columns()[name].privacy is NONE]
    assert EXTRA.privacy is FREE_TEXT


def test_by_default_nothing_personal_is_kept() -> None:
    assert set(DEFAULT_ACTIONS) == set(Privacy)
    default = Policy()
    assert {default.of(each) for each in (IDENTIFIER, NAME, CONTACT)} == {Action.HASH}
    assert {default.of(each) for each in (LINK, FREE_TEXT, NETWORK)} == {Action.DROP}
    kept = [name for name, column in declared_columns().items() if default.action(*name) is Action.KEEP]
    assert {declared_columns()[name].privacy for name in kept} == {NONE}
    assert KEEP_ALL.keeps_all
    assert not default.keeps_all
