-- The parts of every handle-time metric, by agent, direction and local date of the segment's start.
select
    agent_id,
    direction,
    local_date,
    {{ count_where('is_handled') }} as handled_segments,
    count(distinct case when is_handled then call_id end) as handled_calls,
    {{ count_where('is_held') }} as held_segments,
    {{ count_where('is_short_call') }} as short_calls,
    {{ sum_of('transfers_out') }} as transfers_out,
    {{ sum_of('cold_transfers_out') }} as cold_transfers_out,
    {{ sum_of('warm_transfers_out') }} as warm_transfers_out,
    count(distinct case when transfers_out > 0 then call_id end) as transferred_calls,
    {{ sum_where('call_seconds', 'not is_barged') }} as call_seconds,
    {{ sum_where('talk_seconds', 'not is_barged') }} as talk_seconds,
    {{ sum_where('hold_seconds', 'not is_barged') }} as hold_seconds,
    {{ sum_where('acw_seconds', 'not is_barged') }} as acw_seconds,
    {{ sum_where('bcw_seconds', 'not is_barged') }} as bcw_seconds,
    {{ sum_where('ring_seconds', 'not is_barged') }} as ring_seconds,
    {{ sum_where('handle_seconds', 'not is_barged') }} as handle_seconds,
    {{ sum_where('vendor_handle_seconds', 'not is_barged') }} as vendor_handle_seconds
from {{ ref('fct_handled_segments') }}
group by agent_id, direction, local_date
