"""Five of the largest marts in plain SQL, as somebody would write them who needs them once.

They have the same grain and the main columns. What they leave out is what the project is for: settings, rules by queue and
date, rows that the vendor sent twice, ratios, names, what is final, tests, and increments.
"""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

LARGEST = (
    "fct_calls",
    "fct_queue_segments",
    "fct_handled_segments",
    "mart_queue_intervals",
    "mart_queue_handle_time",
)
_STATEMENTS = """
create table fct_queue_segments as
select
    q.call_id,
    q.idx,
    q.menu_path_id as queue_id,
    q.menu_path as queue_name,
    coalesce(q.lang, c.lang) as language,
    c.call_type,
    q.agent_id,
    q.transfer_id,
    q.started_at as entered_queue_at,
    q.ended_at as left_queue_at,
    time_bucket(interval '15 minutes', q.started_at) as interval_start_at,
    cast(q.started_at at time zone 'UTC' as date) as local_date,
    coalesce(q.queue_duration, date_diff('second', q.started_at, q.ended_at)) as wait_seconds,
    q.service_level_target_time as target_seconds,
    case
        when h.call_id is not null then 'answered'
        when c.fail_reason like 'eu_%' then 'abandoned'
        when c.status in ('deflected', 'voicemail', 'scheduled') then 'flowed_out'
        when c.ends_at is null then 'in_progress'
        else 'failed'
    end as outcome,
    q.service_level_event
from raw.queue_durations as q
join raw.calls as c on q.call_id = c.id
left join (
    select distinct call_id, coalesce(transfer_id, 0) as leg_id from raw.handle_durations where call_duration > 0
) as h on q.call_id = h.call_id and coalesce(q.transfer_id, 0) = h.leg_id
where q.menu_path_id is not null;

create table fct_handled_segments as
select
    h.call_id,
    coalesce(h.agent_id, -1) as agent_id,
    coalesce(h.transfer_id, 0) as leg_id,
    coalesce(h.barged, false) as is_barged,
    any_value(h.menu_path_id) as queue_id,
    any_value(h.menu_path) as queue_name,
    any_value(c.call_type) as call_type,
    case when any_value(c.call_type) like '%Outbound%' then 'outbound' else 'inbound' end as direction,
    min(h.started_at) as started_at,
    max(h.ended_at) as ended_at,
    time_bucket(interval '15 minutes', min(h.started_at)) as interval_start_at,
    cast(min(h.started_at) at time zone 'UTC' as date) as local_date,
    sum(coalesce(h.call_duration, 0)) as call_seconds,
    sum(coalesce(h.hold_duration, 0)) as hold_seconds,
    sum(coalesce(h.acw_duration, 0)) as acw_seconds,
    sum(coalesce(h.call_duration, 0) + coalesce(h.acw_duration, 0)) as handle_seconds
from raw.handle_durations as h
join raw.calls as c on h.call_id = c.id
group by 1, 2, 3, 4;

create table fct_calls as
select
    c.id as call_id, c.parent_id, c.lang, c.call_type, c.status, c.fail_reason, c.deflection, c.disconnected_by,
    c.end_user__id, c.menu_path__name, c.created_at, c.queued_at, c.connected_at, c.ends_at, c.updated_at,
    cast(c.created_at at time zone 'UTC' as date) as local_date,
    q.entry_queue_id, q.queue_segments, q.queue_wait_seconds, h.handled_segments, h.handle_seconds, t.transfers,
    m.menu_seconds, v.virtual_agent_sessions
from raw.calls as c
left join (
    select call_id, count(*) as queue_segments, sum(wait_seconds) as queue_wait_seconds,
        arg_min(queue_id, idx) as entry_queue_id
    from fct_queue_segments group by call_id
) as q on c.id = q.call_id
left join (
    select call_id, count(*) filter (call_seconds > 0 and not is_barged) as handled_segments,
        sum(handle_seconds) as handle_seconds
    from fct_handled_segments group by call_id
) as h on c.id = h.call_id
left join (select call_id, count(*) as transfers from raw.transfers group by call_id) as t on c.id = t.call_id
left join (
    select call_id, sum(duration) as menu_seconds from raw.consumer_in_menu_durations group by call_id
) as m on c.id = m.call_id
left join (
    select call_id, count(*) as virtual_agent_sessions from raw.virtual_agent_handle_durations group by call_id
) as v on c.id = v.call_id;

create table mart_queue_intervals as
select
    minutes as interval_minutes,
    time_bucket(to_minutes(minutes), entered_queue_at) as interval_start_at,
    queue_id,
    language,
    call_type,
    count(*) filter (outcome <> 'in_progress') as offered,
    count(*) filter (outcome = 'answered') as answered,
    count(*) filter (outcome = 'answered' and wait_seconds <= target_seconds) as answered_in_sl,
    count(*) filter (outcome = 'abandoned') as abandoned,
    count(*) filter (outcome = 'flowed_out') as flowed_out,
    count(*) filter (outcome = 'failed') as failed,
    sum(wait_seconds) as wait_seconds,
    sum(wait_seconds) filter (outcome = 'answered') as answered_wait_seconds,
    sum(wait_seconds) filter (outcome = 'abandoned') as abandoned_wait_seconds,
    max(wait_seconds) as longest_wait_seconds
from fct_queue_segments, unnest([15, 30, 60]) as lengths (minutes)
group by 1, 2, 3, 4, 5;

create table mart_queue_handle_time as
select
    minutes as interval_minutes,
    time_bucket(to_minutes(minutes), started_at) as interval_start_at,
    queue_id,
    direction,
    count(*) filter (call_seconds > 0 and not is_barged) as handled_segments,
    count(distinct call_id) filter (call_seconds > 0 and not is_barged) as handled_calls,
    sum(call_seconds - hold_seconds) as talk_seconds,
    sum(hold_seconds) as hold_seconds,
    sum(acw_seconds) as acw_seconds,
    sum(handle_seconds) as handle_seconds
from fct_handled_segments, unnest([15, 30, 60]) as lengths (minutes)
group by 1, 2, 3, 4
"""


def hand_written(warehouse: Path, target: Path) -> float:
    """Seconds in which the five are computed from the warehouse's raw tables into a new file, which is removed again."""
    target.unlink(missing_ok=True)
    begun = time.monotonic()
    with duckdb.connect(str(target)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{warehouse}' as warehouse (read_only)")
        connection.execute("create schema raw")
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'warehouse' and schema_name = 'ccaip'"
        ).fetchall():
            connection.execute(f"create view raw.{name} as from warehouse.ccaip.{name}")
        connection.execute(_STATEMENTS)
        connection.execute("checkpoint")
    seconds = time.monotonic() - begun
    target.unlink()
    return seconds
