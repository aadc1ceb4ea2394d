"""What each macro of `macros/engine` must say on every engine: cases with literal inputs, asked through `dbt show`.

The engine itself compares, because each writes instants and numbers in its own way.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.home import Home
from pipelines.marts.dbt_runner import PROJECT_DIR, dbt_variables, started


@dataclass(frozen=True)
class Case:
    """Two expressions of Jinja that make SQL of the same value; `rows`, if any, makes the relation that they read."""

    found: str
    expected: str
    rows: str = ""


def instant(text: str) -> str:
    """An instant in UTC, in Jinja."""
    return f"""("cast('{text}+00:00' as " ~ engine_type('timestamptz') ~ ")")"""


def clock(text: str) -> str:
    """What a clock on the wall shows, in Jinja."""
    return f"""("cast('{text}' as " ~ local_timestamp_type() ~ ")")"""


def date(text: str) -> str:
    """A date, in Jinja."""
    return f"""("date '{text}'")"""


def days(text: str) -> str:
    """A relation with a date in the column `day`, in Jinja: an emulator casts a literal date wrongly."""
    return f"""("(select date '{text}' as day)")"""


def double(text: str) -> str:
    """A floating-point number, in Jinja."""
    return f"as_double('{text}')"


SYDNEY, AZORES = """("'Australia/Sydney'")""", """("'Atlantic/Azores'")"""
NOON = instant("2026-03-08 12:00:30")
UNKNOWN = "('cast(null as ' ~ dbt.type_bigint() ~ ')')"
NUMBERS = (
    "'(select 1 as number union all select 4 union all select 2 union all select 3 union all select null)'"
)
CASES = [
    # data_types
    Case("as_text('7')", "literal('7')"),
    Case("as_bigint(literal('7'))", "7"),
    Case("as_double('1') ~ ' / 4'", double("0.25")),
    Case("'length(' ~ literal(\"it's\") ~ ')'", "4"),
    Case("joined_key(['7', '-1'])", "literal('7--1')"),
    # extremes
    Case("greater_of('1', '2')", "2"),
    Case(f"greater_of({UNKNOWN}, '2')", "2"),
    Case("lesser_of('1', '2')", "1"),
    Case(f"lesser_of('1', {UNKNOWN})", "1"),
    Case(f"rounded({double('0.5')})", "0"),
    Case(f"rounded({double('1.5')})", "2"),
    Case(f"rounded({double('2.5')})", "2"),
    Case(f"rounded({double('-1.5')})", "-2"),
    Case(f"rounded({double('2.51')})", "3"),
    # interval_start: before 1970 too, it is the earlier instant
    Case(f"interval_start({instant('2026-03-08 12:29:59')}, 15)", instant("2026-03-08 12:15:00")),
    Case(f"interval_start({instant('2026-03-08 12:30:00')}, 30)", instant("2026-03-08 12:30:00")),
    Case(f"interval_start({instant('1969-12-31 23:59:59')}, 15)", instant("1969-12-31 23:45:00")),
    # local_dates
    Case(f"add_days({date('2026-02-28')}, 1)", date("2026-03-01")),
    Case(f"add_days({date('2026-03-01')}, '2 - 3')", date("2026-02-28")),
    Case(f"next_date({date('2026-12-31')})", date("2027-01-01")),
    Case(f"at_time({date('2026-03-08')}, \"time '09:30:00'\")", clock("2026-03-08 09:30:00")),
    Case(f"iso_weekday({date('2026-03-08')})", "7"),  # a Sunday
    Case(f"iso_weekday({date('2026-03-09')})", "1"),
    Case(f"start_of_date('day', {SYDNEY})", instant("2026-03-07 13:00:00"), days("2026-03-08")),
    # the Azores set their clocks back to midnight: the first of the two
    Case(f"start_of_date('day', {AZORES})", instant("2026-10-25 00:00:00"), days("2026-10-25")),
    # percentile: interpolated, without unknown values
    Case("percentile('number', 0.5)", double("2.5"), NUMBERS),
    Case("percentile('number', 0.9)", double("7"), "'(select 7 as number)'"),
    # seconds_between: whole seconds
    Case(f"seconds_between({NOON}, {instant('2026-03-08 12:01:00.9')})", "30"),
    Case(f"seconds_between({NOON}, {instant('2026-03-08 11:59:59')})", "-31"),
    Case(f"add_seconds({NOON}, '40')", instant("2026-03-08 12:01:10")),
    Case(f"add_seconds({NOON}, '-1 * 31')", instant("2026-03-08 11:59:59")),
    # to_local: Sydney sets its clocks back at 16:00 UTC
    Case(f"to_local({instant('2026-04-04 15:59:59')}, {SYDNEY})", clock("2026-04-05 02:59:59")),
    Case(f"to_local({instant('2026-04-04 16:00:00')}, {SYDNEY})", clock("2026-04-05 02:00:00")),
    Case(f"to_utc({clock('2026-04-05 03:00:00')}, {SYDNEY})", instant("2026-04-04 17:00:00")),
    Case(f"utc_offset_minutes({clock('2026-03-08 23:00:30')}, {NOON})", "660"),
    Case(f"utc_offset_minutes({clock('2026-03-08 03:30:30')}, {NOON})", "-510"),
    # whole_numbers
    Case("'count(*) * 100 + sum(number)'", "406", "'(' ~ whole_numbers(3) ~ ')'"),
    Case("base_intervals_of_a_day()", "96"),
]
"""Each is a row of one query, because starting dbt takes seconds, and a query takes an emulator one."""

INDEXES = "[{'columns': ['call_id']}]"
PARTITIONS = "{'field': 'local_date', 'data_type': 'date', 'granularity': 'day'}"
IN_PARTITIONS = "and local_date between date '2026-03-07' and date '2026-03-10'"
TEXTS = {
    "lookup_indexes(['call_id'])": {"duckdb": "[]", "postgres": INDEXES, "bigquery": "[]"},
    "day_partitions('local_date')": {"duckdb": "None", "postgres": "None", "bigquery": PARTITIONS},
    "in_partitions('local_date', day, day + modules.datetime.timedelta(days=1))": {
        "duckdb": "", "postgres": "", "bigquery": IN_PARTITIONS,
    },
    "seed_cell(none, 'time')": dict.fromkeys(("duckdb", "postgres", "bigquery"), "cast(null as time)"),
    "seed_cell('09:30', 'time')": dict.fromkeys(("duckdb", "postgres", "bigquery"), "cast('09:30:00' as time)"),
    "engine_type('Timestamp')": {"duckdb": "Timestamp", "postgres": "Timestamp", "bigquery": "datetime"},
    "engine_type('double')": {"duckdb": "double", "postgres": "double precision", "bigquery": "float64"},
}  # fmt: skip
"""What macros write that make up a statement or a setting, by engine."""

REPLACED = """
{%- set name = 'engine_macros_' ~ target.name -%}
{%- set target_table = api.Relation.create(database=target.database, schema=target.schema, identifier=name) -%}
{%- set computed = api.Relation.create(database=target.database, schema=target.schema, identifier=name ~ '_computed') -%}
{%- if execute -%}
    {%- do adapter.create_schema(target_table) -%}
    {%- do run_query('create table ' ~ target_table ~ " as select 1 as call_id, date '2026-03-08' as local_date"
        ~ " union all select 2, date '2026-03-09' union all select 3, cast(null as date) union all select 4, date '2026-03-09'") -%}
    {%- do run_query('create table ' ~ computed ~ " as select 2 as call_id, date '2026-03-10' as local_date") -%}
    {%- set statements, is_replaced = rows_of_calls(
        target_table, 'select 2 as call_id union all select 3 union all select 4'
    ) -%}
    {%- do run_query(statements ~ replace_in_table(target_table, is_replaced, computed, 'call_id, local_date')) -%}
    {%- set left = run_query('select call_id, ' ~ as_text('local_date') ~ ' from ' ~ target_table ~ ' order by call_id') -%}
    {%- do run_query('drop table ' ~ target_table) -%}
    {%- do run_query('drop table ' ~ computed) -%}
{%- endif -%}
"""
"""Calls 2 (changed), 3 and 4 (gone) are replaced by the one computed row of call 2."""
REMAINING = "1 2026-03-08, 2 2026-03-10"
LEFT = "{{ literal(left.rows | map('join', ' ') | join(', ') if execute else '') }}"

BUILT = {"persist_docs.sql", "seeds.sql", "unlink_removed_calls.sql"}
"""Files of macros that stand in for dbt's or need a model: each build runs them, on each engine; for the last, tests/privacy."""
BUILT_WITH_MODELS = re.compile(
    "record|gather_statistics|bq_|dbt_bigquery_|get_assert_columns_equivalent|safe_cast"
)
"""The same in other files, by how their names begin."""


def untested() -> set[str]:
    """Macros of `macros/engine` that neither a case nor a build asks for."""
    asked = " ".join([*(f"{case.found} {case.expected} {case.rows}" for case in CASES), *TEXTS, REPLACED])
    found = set()
    for file in (PROJECT_DIR / "macros" / "engine").glob("*.sql"):
        names = re.findall(
            r"{%-?\s*macro\s+(?:(?:default|duckdb|postgres|bigquery)__)?(\w+)", file.read_text()
        )
        found |= {name for name in names if file.name not in BUILT and not BUILT_WITH_MODELS.match(name)}
    return {name for name in found if not re.search(rf"\b{name}\(", asked)}


def wrong(environment: Mapping[str, str], home: Home, engine: str, zone: str = "UTC") -> list[str]:
    """What an engine, to which `environment` connects dbt, answers otherwise than expected.

    dbt writes to `home`; if that has a parsed project, `zone` is the reporting zone with which it was parsed.
    """
    selects = [
        f"select {place} as place, case when {{{{ {case.found} }}}} = {{{{ {case.expected} }}}} then 'as expected'"
        f" else cast({{{{ {case.found} }}}} as {{{{ dbt.type_string() }}}}) end as found"
        + (f" from {{{{ {case.rows} }}}} as given" if case.rows else "")
        for place, case in enumerate(CASES)
    ]
    selects += [
        f"select {place} as place, {{{{ literal(({macro}) | string | trim) }}}} as found"
        for place, macro in enumerate(TEXTS, len(CASES))
    ]
    selects += [f"select {len(selects)} as place, {LEFT} as found"]
    day = "{%- set day = modules.datetime.date(2026, 3, 8) -%}\n"
    inline = REPLACED + day + "\nunion all\n".join(selects) + "\norder by place"
    answers = _show(environment, home, zone, inline)
    asked = [
        *((case.found, "as expected", case.expected) for case in CASES),
        *((macro, written[engine], written[engine]) for macro, written in TEXTS.items()),
        ("rows_of_calls, replace_in_table", REMAINING, REMAINING),
    ]
    assert [answer["place"] for answer in answers] == [*range(len(asked))]
    return [
        f"{macro}: {answer['found']}, not {expected}"
        for (macro, right, expected), answer in zip(asked, answers, strict=True)
        if (answer["found"] or "") != right
    ]


def _show(environment: Mapping[str, str], home: Home, zone: str, inline: str) -> list[dict[str, Any]]:
    """The rows of a query with Jinja."""
    folder = home.dbt_target_dir
    words = [
        *("--quiet", "--partial-parse", "--log-level-file", "none", "show", "--inline", inline),
        *("--limit", "-1", "--output", "json"),
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(folder), "--log-path", str(home.dbt_log_dir)),
        *("--vars", json.dumps(dbt_variables(zone))),
    ]
    with started("dbt", words, folder, environment, subprocess.PIPE) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said
    rows: list[dict[str, Any]] = json.loads(said[said.index("{") :])["show"]
    return rows
