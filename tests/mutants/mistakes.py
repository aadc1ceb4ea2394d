"""The mistakes: the kind that somebody who maintains these models might make on an ordinary day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.marts import dbt_raw

STAGING = "models/staging/stg_ccaip__"
INTERMEDIATE = "models/intermediate/int_"
LISTS = "models/intermediate/"
MARTS = "models/marts/"
MACROS = "macros/"


@dataclass(frozen=True)
class Mistake:
    """One mistake in one file of the dbt project (`file`, relative to it): `right` becomes `wrong`."""

    name: str
    """What goes wrong in the numbers."""
    file: str
    right: str
    """Stands exactly once in the file."""
    wrong: str
    between_builds: bool = False
    """A full build is right in spite of it: only increments are wrong."""

    def is_applicable(self) -> bool:
        """Whether the file still says what the mistake replaces, once."""
        text = (dbt_raw.PROJECT / self.file).read_text(encoding="utf-8")
        return text.count(self.right) == 1 and self.right != self.wrong


def mistake(name: str, file: str, right: str, wrong: str, between_builds: bool = False) -> Mistake:
    """A mistake; `file` without its suffix."""
    return Mistake(name, str(Path(f"{file}.sql")), right, wrong, between_builds)


MISTAKES: tuple[Mistake, ...] = (
    # Staging
    mistake(
        "wrap-up read from the time before the call", f"{STAGING}handle_durations",
        "acw_duration as acw_seconds", "bcw_duration as acw_seconds",
    ),
    mistake(
        "abandon threshold taken for the target", f"{STAGING}queue_durations",
        "service_level_target_time as service_level_target_seconds",
        "service_level_abandon_time_threshold as service_level_target_seconds",
    ),
    mistake(
        "transferred legs taken for listening in", f"{STAGING}handle_durations",
        "barged as is_barged", "transfer as is_barged",
    ),
    # Intermediate: handled segments
    mistake(
        "supervisors count as contacts", f"{INTERMEDIATE}handled_segments_folded",
        "sum(call_seconds) > 0 and not is_barged as is_handled", "sum(call_seconds) > 0 as is_handled",
    ),
    mistake(
        "talk is the vendor's call seconds, hold counted twice", f"{INTERMEDIATE}handled_segments_folded",
        "{{ sum_of('call_seconds - hold_seconds') }} as talk_seconds",
        "{{ sum_of('call_seconds') }} as talk_seconds",
    ),
    mistake(
        "wrap-up alone is a contact", f"{INTERMEDIATE}handled_segments_folded",
        "sum(call_seconds) > 0 and", "sum(call_seconds) >= 0 and",
    ),
    mistake(
        "a missing hold eats the talk", f"{INTERMEDIATE}handle_rows",
        "coalesce(hold_seconds, 0) as hold_seconds", "hold_seconds",
    ),
    mistake(
        "two legs of one agent folded into one", f"{INTERMEDIATE}handle_rows",
        "coalesce(transfer_id, 0) as leg_id", "0 as leg_id",
    ),
    # Intermediate: queue segments
    mistake(
        "target exclusive", f"{INTERMEDIATE}queue_segments_measured",
        "(rules.is_target_inclusive and", "(not rules.is_target_inclusive and",
    ),
    mistake(
        "abandon threshold exclusive", f"{INTERMEDIATE}queue_segments_measured",
        "(rules.is_threshold_inclusive and", "(not rules.is_threshold_inclusive and",
    ),
    mistake(
        "short abandons also count as abandoned in target", f"{INTERMEDIATE}queue_segments_measured",
        "outcome = 'abandoned' and not is_within_threshold and is_within_target",
        "outcome = 'abandoned' and is_within_target",
    ),
    mistake(
        "short abandons in the governed denominator", f"{INTERMEDIATE}queue_segments_measured",
        "else outcome = 'answered' or (outcome = 'abandoned' and not is_short_abandon)",
        "else outcome in ('answered', 'abandoned')",
    ),
    mistake(
        "a requeued leg is answered twice", f"{INTERMEDIATE}queue_segments_outcome",
        "            when was_requeued then 'requeued'\n", "",
    ),
    mistake(
        "wrap-up alone proves an answer", f"{INTERMEDIATE}queue_segments_outcome",
        "    where is_handled\n", "",
    ),
    mistake(
        "the call's end judged before its first leg", f"{INTERMEDIATE}queue_segments_outcome",
        "            when is_leg_handled then 'leg_handled'\n"
        "            when is_queue_abandon then 'call_abandoned'\n",
        "            when is_queue_abandon then 'call_abandoned'\n"
        "            when is_leg_handled then 'leg_handled'\n",
    ),
    mistake(
        "a repeated transfer doubles its segment", f"{INTERMEDIATE}queue_segments_outcome",
        "            and transfers.newest_order = 1\n", "",
    ),
    mistake(
        "outbound rows are queue segments", f"{INTERMEDIATE}queue_segments_entered",
        "        queue_rows.menu_path_id is not null\n        and not", "        not",
    ),
    mistake(
        "the last entry of a leg is the requeued one", f"{INTERMEDIATE}queue_segments_entered",
        "order by queue_rows.entered_queue_at, queue_rows.idx",
        "order by queue_rows.entered_queue_at desc, queue_rows.idx desc",
    ),
    # Intermediate: calls, transfers, virtual agents
    mistake(
        "a status nobody listed never ends", f"{INTERMEDIATE}calls_classified",
        "coalesce(is_final, ends_at is not null) as is_ended", "coalesce(is_final, false) as is_ended",
    ),
    mistake(
        "ringing hang-ups are plain queue abandons", f"{INTERMEDIATE}calls_classified",
        "coalesce(abandon_outcome = 'abandoned' and not is_ringing_abandon, false) as is_queue_abandon",
        "coalesce(abandon_outcome = 'abandoned', false) as is_queue_abandon",
    ),
    mistake(
        "a handled leg does not prove its transfer", f"{INTERMEDIATE}transfers_classified",
        "when status_outcome = 'completed' or is_leg_handled then", "when status_outcome = 'completed' then",
    ),
    mistake(
        "a transfer of unknown kind is warm", f"{INTERMEDIATE}transfers_classified",
        "when cold_flag = 0 then 'warm'\n        else 'unknown'", "else 'warm'",
    ),
    mistake(
        "a transfer leaves the leg it leads to", f"{INTERMEDIATE}transfers_attributed",
        "            and transfers.transfer_id <> segments.leg_id\n", "",
    ),
    mistake(
        "a call is counted under its last queue", f"{INTERMEDIATE}calls_entered",
        "seen_at asc nulls last", "seen_at desc nulls last",
    ),
    mistake(
        "a person before the virtual agent spoils containment", f"{INTERMEDIATE}virtual_agent_sessions_judged",
        "coalesce(people.last_started_at >= sessions.started_at, false) as is_person_later",
        "people.call_id is not null as is_person_later",
    ),
    mistake(
        "call-backs are contacts of their own", f"{INTERMEDIATE}calls_placed",
        "calls.direction = 'inbound' and calls.parent_call_id is null as is_contact",
        "calls.direction = 'inbound' as is_contact",
    ),
    mistake(
        "final before most updates have come", f"{INTERMEDIATE}update_lateness",
        "0.99)", "0.5)",
    ),
    mistake(
        "final one interval too early", f"{INTERMEDIATE}queue_intervals_reported",
        "{{ add_seconds('local.interval_end_at', 'lateness.lateness_seconds') }}",
        "{{ add_seconds('local.interval_start_at', 'lateness.lateness_seconds') }}",
    ),
    mistake(
        "half hours are hours", f"{INTERMEDIATE}queue_intervals_reported",
        "when 30 then {{ interval_start('base.interval_start_at', 30) }}",
        "when 30 then {{ interval_start('base.interval_start_at', 60) }}",
    ),
    # Facts
    mistake(
        "handle time counts hold twice", f"{MARTS}fct_handled_segments",
        "talk_seconds + hold_seconds + acw_seconds as handle_seconds",
        "call_seconds + hold_seconds + acw_seconds as handle_seconds",
    ),
    mistake(
        "short calls inclusive", f"{MARTS}fct_handled_segments",
        "is_handled and talk_seconds < {{", "is_handled and talk_seconds <= {{",
    ),
    mistake(
        "agents' local date by UTC", f"{MARTS}fct_handled_segments",
        "cast({{ to_local('begun_at', \"'\" ~ var('reporting_timezone') ~ \"'\") }} as date) as local_date",
        "cast({{ to_local('begun_at', \"'UTC'\") }} as date) as local_date",
    ),
    mistake(
        "waits counted where they end", f"{MARTS}fct_queue_segments",
        "{{ interval_start('segments.entered_queue_at', var('base_interval_minutes')) }} as interval_start_at",
        "{{ interval_start('segments.left_queue_at', var('base_interval_minutes')) }} as interval_start_at",
    ),
    mistake(
        "every transfer of a call with the places of each", f"{MARTS}fct_transfers",
        "        transfers.call_id = placed.call_id\n        and transfers.idx = placed.idx",
        "        transfers.call_id = placed.call_id",
    ),
    mistake(
        "calls dated by their last change", f"{MARTS}fct_calls",
        "'coalesce(calls.created_at, calls.queued_at, calls.updated_at)'", "'calls.updated_at'",
    ),
    # Aggregates
    mistake(
        "waits that go on are summed", f"{MARTS}agg_queue_intervals",
        "{{ sum_where(\"wait_seconds\", \"is_offered\") }} as wait_seconds",
        "{{ sum_of(\"wait_seconds\") }} as wait_seconds",
    ),
    mistake(
        "the longest answered wait is anybody's", f"{MARTS}agg_queue_intervals",
        "max(case when outcome = 'answered' then wait_seconds end)", "max(wait_seconds)",
    ),
    mistake(
        "busy in every interval since the segment's start", f"{MARTS}agg_agent_intervals",
        "'greatest(busy_from, interval_start_at)'", "'busy_from'",
    ),
    mistake(
        "listening in is busy time", f"{INTERMEDIATE}agent_work",
        "        and not handle_rows.is_barged\n", "",
    ),
    mistake(
        "hours between a talk and its wrap-up are busy time", f"{INTERMEDIATE}agent_work",
        "        handle_rows.ended_at\n", "        max(handle_rows.ended_at) over (partition by calls.call_id) as ended_at\n",
    ),
    mistake(
        "rows the vendor sent twice count twice", f"{INTERMEDIATE}handled_segments_folded",
        "    where not is_duplicate\n", "",
    ),
    mistake(
        "waits the vendor sent twice count twice", f"{INTERMEDIATE}queue_segments_entered",
        "        and not queue_rows.is_duplicate\n", "",
    ),
    mistake(
        "segments without a target drag the governed service level down", f"{INTERMEDIATE}queue_segments_measured",
        "        when target_seconds is null then false\n", "",
    ),
    # Marts
    mistake(
        "queue days cut at UTC midnight", f"{MARTS}mart_queue_days",
        "{{ to_local('intervals.interval_start_at', 'zones.reporting_timezone') }}",
        "{{ to_local('intervals.interval_start_at', \"'UTC'\") }}",
    ),
    mistake(
        "compliance judged by quarter hours", f"{MARTS}mart_queue_days",
        "group by queue_id, {{ interval_start('interval_start_at', var('report_interval_minutes')) }}",
        "group by queue_id, interval_start_at",
    ),
    mistake(
        "percentiles over all outcomes", f"{MARTS}mart_wait_percentiles",
        "'case when ' ~ condition ~ ' then wait_seconds end'", "'wait_seconds'",
    ),
    mistake(
        "a contact after exactly a week is no repeat", f"{MARTS}mart_repeat_contacts",
        "contacts.next_created_at <= {{", "contacts.next_created_at < {{",
    ),
    mistake(
        "repeats only within one queue", f"{MARTS}mart_repeat_contacts",
        "partition by end_user_id order by", "partition by end_user_id, queue_id order by",
    ),
    mistake(
        "call-backs on the day they were made", f"{INTERMEDIATE}callbacks",
        "coalesce(parents.local_date, children.local_date) as local_date", "children.local_date",
    ),
    mistake(
        "menu abandons without a row are lost", f"{MARTS}mart_ivr",
        "(has_entered_menu or is_menu_abandon)", "has_entered_menu",
    ),
    mistake(
        "open transfers in the denominator", f"{MARTS}mart_transfers",
        "{{ safe_ratio('parts.completed', 'parts.attempts - parts.in_progress') }}", "{{ safe_ratio('parts.completed', 'parts.attempts') }}",
    ),
    mistake(
        "open sessions in the denominator", f"{MARTS}mart_virtual_agent",
        "{{ safe_ratio('contained', 'sessions - in_progress') }}", "{{ safe_ratio('contained', 'sessions') }}",
    ),
    # Macros
    mistake(
        "service level of offered leaves out what flowed out", f"{MACROS}queue_ratios",
        "{{ safe_ratio('answered_in_sl', 'offered_with_target') }}", "{{ safe_ratio('answered_in_sl', 'answered_with_target + abandoned_with_target') }}",
    ),
    mistake(
        "short abandons in the abandonment rate's denominator", f"{MACROS}queue_ratios",
        "{{ safe_ratio('abandoned - short_abandoned', 'offered - short_abandoned') }}",
        "{{ safe_ratio('abandoned - short_abandoned', 'offered') }}",
    ),
    mistake(
        "a target met exactly is missed", f"{MACROS}queue_ratios",
        "and service_level_numerator * 100 >= target_percent", "and service_level_numerator * 100 > target_percent",
    ),
    mistake(
        "a call of two legs is two handled calls", f"{MACROS}handle_metrics",
        "count(distinct case when is_handled then call_id end)", "count(case when is_handled then call_id end)",
    ),
    mistake(
        "supervisors' seconds are handle time", f"{MACROS}handle_metrics",
        "{{ sum_where(part, 'not is_barged') }}", "{{ sum_of(part) }}",
    ),
    mistake(
        "handle time per call is per segment", f"{MACROS}handle_metrics",
        "{{ safe_ratio('handle_seconds', 'handled_calls') }}", "{{ safe_ratio('handle_seconds', 'handled_segments') }}",
    ),
    mistake(
        "intervals rounded, not cut", f"{MACROS}engine/interval_start",
        "to_timestamp(floor(extract", "to_timestamp(round(extract",
    ),
    # Increments
    mistake(
        "only loads with a greater id are new", f"{LISTS}changed_calls",
        "    where listed_loads.load_id is null\n",
        "    where calls.load_id > (select max(load_id) from {{ ref('listed_loads') }} where change_number = 0)\n",
        between_builds=True,
    ),
    mistake(
        "rows computed under other rules stay", f"{MACROS}increments/changed_calls",
        "if node and fingerprint == fingerprint_with(shared, node)", "if node", between_builds=True,
    ),
    mistake(
        "a setting left out of the fingerprint", f"{MACROS}increments/rules_fingerprint",
        "'short_call_seconds', ", "", between_builds=True,
    ),
    mistake(
        "calls that are gone stay in the facts", f"{LISTS}changed_calls",
        "    where calls.call_id is null\n", "    where false\n", between_builds=True,
    ),
    mistake(
        "an array that became empty keeps its rows", f"{MACROS}increments/changed_calls",
        "rows_of_calls(target_relation, calls)",
        "rows_of_calls(target_relation, 'select call_id from ' ~ arg_dict['temp_relation'])",
        between_builds=True,
    ),
    mistake(
        "a load cut short counts as landed", f"{INTERMEDIATE}calls_classified",
        "    landed_load_id as load_id,", "    load_id,", between_builds=True,
    ),
    mistake(
        "old rows of a changed call stay beside the new", f"{MACROS}engine/increments",
        "{{ return(['', 'call_id in (' ~ calls ~ ')']) }}", "{{ return(['', 'false']) }}", between_builds=True,
    ),
)  # fmt: skip
