"""The caller of a call: which columns identify the caller, which belong to the caller, and how to anonymise a call.

An agent is not the caller: columns of agents, and rows of agents in `participants`, stay when the caller is erased.
What could be either (headers of an agent's leg, undeclared keys) belongs to the caller.

This works on rows before and after a privacy policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.tables import EXTRA, TABLES, Column, Privacy, Table

AGENTS = ("agent_info", "from_agent", "to_agent")
"""The objects that describe an agent."""

_OF_THE_PARTY = (Privacy.IDENTIFIER, Privacy.NAME, Privacy.CONTACT)
"""Classes that in `participants` belong to the participant itself."""

_AGENTS_ROW = """(coalesce(type, '') <> 'end_user' and end_user_id is null
    and (user_id is not null or contains(coalesce(type, ''), 'agent')))"""

IDENTIFIERS = (
    "end_user__identifier",
    "end_user__out_contact_id",
    "out_ticket_id",
    "outbound_number",
    "email",
)
"""Columns of `calls` that can identify the caller, besides the caller's id."""

TELLING = f"""
    select id as call_id, null::bigint as idx, unnest({["call", "end_user", *["identifier"] * len(IDENTIFIERS)]}) as kind,
        unnest([id::varchar, end_user__id, {", ".join(IDENTIFIERS)}]) as value, end_user__id as owner, true as is_whole
    from calls
    union all
    select call_id, idx, unnest(['end_user', 'identifier', 'identifier']),
        unnest([end_user_id, phone_number, participants.email]),
        case when type = 'end_user' then coalesce(end_user_id, end_user__id) else end_user_id end,
        coalesce(end_user__id, '') = ''
    from participants left join calls on calls.id = call_id
    where not {_AGENTS_ROW}"""
"""Values that identify callers, as SQL over `calls` and `participants`: the call, the participant (`participants.idx`), the
kind of value, the value, the id of its caller if known, and whether the whole call is that caller's. For somebody who
joined another caller's call, only the participant's row is."""


def agents_columns(table: Table) -> tuple[Column, ...]:
    """The columns of a table that describe an agent."""
    return tuple(column for column in table.columns if column.path and column.path[0] in AGENTS)


def callers_columns(table: Table) -> tuple[Column, ...]:
    """The personal columns of a table that are not an agent's; `_extra` is one of them."""
    agents = agents_columns(table)
    return tuple(
        column
        for column in (*table.columns, EXTRA)
        if column.privacy is not Privacy.NONE and column not in agents
    )


def anonymous(tables: Mapping[str, pa.Table], ids: pa.Array) -> dict[str, pa.Table]:
    """The tables with the caller's columns set to NULL in the rows of the calls `ids`; agents and times stay."""
    return {
        name: _without(TABLES[name], rows, pc.is_in(rows[TABLES[name].key[0]], ids))
        for name, rows in tables.items()
    }


def without_parties(participants: pa.Table, parties: Iterable[tuple[int, int]]) -> pa.Table:
    """The participants with the caller's columns set to NULL in these rows (call and `idx`)."""
    wanted = frozenset(parties)
    rows = zip(participants["call_id"].to_pylist(), participants["idx"].to_pylist(), strict=True)
    touched = pa.chunked_array([pa.array([row in wanted for row in rows], pa.bool_())])
    return _without(TABLES["participants"], participants, touched)


def _without(table: Table, rows: pa.Table, touched: pa.ChunkedArray) -> pa.Table:
    """The rows with the caller's columns set to NULL where `touched`."""
    if not pc.any(touched).as_py():
        return rows
    of_parties = pc.and_(touched, pc.invert(agents_rows(rows))) if table.name == "participants" else touched
    for column in callers_columns(table):
        place = rows.schema.get_field_index(column.name)
        field = rows.schema.field(place)
        gone = of_parties if column.privacy in _OF_THE_PARTY else touched
        rows = rows.set_column(place, field, pc.if_else(gone, pa.scalar(None, field.type), rows[place]))
    return rows


def agents_rows(participants: pa.Table) -> pa.ChunkedArray:
    """Which rows of `participants` are agents': `_AGENTS_ROW` for Arrow."""
    type_ = pc.fill_null(participants["type"], "")
    names_agent = pc.or_(pc.is_valid(participants["user_id"]), pc.match_substring(type_, "agent"))
    return pc.and_(
        pc.and_(pc.not_equal(type_, "end_user"), pc.is_null(participants["end_user_id"])), names_agent
    )
