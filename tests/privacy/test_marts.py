"""A public mart that shows a person, by whatever name."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.ccaip.check_marts import (
    MODELS,
    personal_names,
    problems,
    read,
    read_semantic,
    semantic_problems,
)


def mart(*columns: str, access: str = "public", **meta: str) -> list[dict[str, Any]]:
    declared = [{"name": name, "config": {"meta": meta}} for name in columns]
    return [{"name": "mart_x", "config": {"access": access}, "columns": declared}]


def test_the_marts_show_nobody() -> None:
    models, statements = read(MODELS)
    assert len([each for each in models if each.get("config", {}).get("access") == "public"]) >= 4
    assert not list(problems(models, statements))


@pytest.mark.parametrize("name", ["end_user__id", "phone_number", "note", "_extra", "sip_headers"])
def test_a_personal_column_in_a_public_mart_is_told_of(name) -> None:
    (problem,) = problems(mart("queue_id", name), {})
    assert name in problem
    assert not list(problems(mart("queue_id", name, access="protected"), {}))


@pytest.mark.parametrize(
    "select",
    [
        "calls.end_user__id as caller",
        "end_user__id as caller",
        "max(calls.end_user__id) as caller",
        "cast(end_user__id as varchar) as caller",
        "lower(max(end_user__id)) as caller",
        "{{ plain_name('calls.end_user__id') }} as caller",
        "end_user__id as someone, someone as caller",
    ],
)
def test_a_personal_column_under_another_name_is_personal_still(select) -> None:
    assert personal_names({"int_x": f"select {select} from calls"})["caller"] == "calls.end_user__id"
    (problem,) = problems(mart("caller"), {"int_x": f"select {select} from calls"})
    assert "calls.end_user__id" in problem


@pytest.mark.parametrize(
    "select",
    [
        "count(distinct end_user__id) as callers",
        "count(end_user__id) as callers",
        "row_number() over (partition by end_user__id order by queued_at) as callers",
    ],
)
def test_what_is_worked_out_from_callers_is_not_personal(select) -> None:
    assert not list(problems(mart("callers"), {"int_x": f"select {select} from calls"}))


def test_a_class_declared_on_the_marts_own_column_counts_too() -> None:
    assert list(problems(mart("nickname", privacy="name"), {}))
    assert not list(problems(mart("nickname", privacy="none"), {}))
    assert not list(problems(mart("agent_name", privacy="name"), {})), "an operator has decided to show it"


def test_nobody_can_be_grouped_by() -> None:
    models, statements = read(MODELS)
    semantic = read_semantic(MODELS)
    assert len(semantic) >= 10
    assert not list(semantic_problems(semantic, models, statements))


@pytest.mark.parametrize(
    "shown",
    [
        {
            "dimensions": [
                {"name": "caller", "type": "categorical", "expr": "coalesce(end_user__id, 'nobody')"}
            ]
        },
        {"entities": [{"name": "end_user__id", "type": "foreign"}]},
        {"measures": [{"name": "last_caller", "agg": "max", "expr": "end_user__id"}]},
        {"dimensions": [{"name": "nickname", "type": "categorical"}]},
    ],
)
def test_a_semantic_model_that_shows_a_person_is_told_of(shown) -> None:
    models = mart("nickname", access="protected", privacy="name")
    assert list(semantic_problems([{"name": "calls", "model": "ref('mart_x')"} | shown], models, {}))


def test_callers_may_be_counted_in_the_semantic_layer() -> None:
    measures = [{"name": "callers", "agg": "count_distinct", "expr": "end_user__id"}]
    semantic = [{"name": "calls", "model": "ref('mart_x')", "measures": measures}]
    assert not list(semantic_problems(semantic, mart("queue_id"), {}))
