{#- The parts of handle-time metrics over a group of handled segments, as a select list. -#}
{% macro handle_parts() -%}
    {{ count_where('is_handled') }} as handled_segments,
    count(distinct case when is_handled then call_id end) as handled_calls,
    {{ count_where('is_held') }} as held_segments,
    {{ count_where('is_short_call') }} as short_calls,
    {{ sum_of('transfers_out') }} as transfers_out,
    {{ sum_of('cold_transfers_out') }} as cold_transfers_out,
    {{ sum_of('warm_transfers_out') }} as warm_transfers_out,
    count(distinct case when transfers_out > 0 then call_id end) as transferred_calls,
    {% for part in handle_seconds_parts() -%}
        {{ sum_where(part, 'not is_barged') }} as {{ part }}{{ ',' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{#- Those parts that are sums of seconds. -#}
{% macro handle_seconds_parts() -%}
    {{ return([
        'call_seconds', 'talk_seconds', 'hold_seconds', 'acw_seconds', 'bcw_seconds', 'ring_seconds',
        'handle_seconds', 'vendor_handle_seconds',
    ]) }}
{%- endmacro %}


{#- The ratios of handling, from the parts. -#}
{% macro handle_ratios() -%}
    {{ safe_ratio('handle_seconds', 'handled_segments') }} as average_handle_time,
    {{ safe_ratio('vendor_handle_seconds', 'handled_segments') }} as average_handle_time_vendor,
    {{ safe_ratio('handle_seconds', 'handled_calls') }} as average_handle_time_per_call,
    {{ safe_ratio('talk_seconds', 'handled_segments') }} as average_talk_time,
    {{ safe_ratio('hold_seconds', 'handled_segments') }} as average_hold_time,
    {{ safe_ratio('acw_seconds', 'handled_segments') }} as average_acw_time,
    {{ safe_ratio('hold_seconds', 'held_segments') }} as average_hold_time_held,
    {{ safe_ratio('held_segments', 'handled_segments') }} as hold_rate,
    {{ safe_ratio('short_calls', 'handled_segments') }} as short_call_rate,
    {{ safe_ratio('transfers_out', 'handled_segments') }} as transfer_rate,
    {{ safe_ratio('cold_transfers_out', 'handled_segments') }} as cold_transfer_rate,
    {{ safe_ratio('warm_transfers_out', 'handled_segments') }} as warm_transfer_rate,
    {{ safe_ratio('transferred_calls', 'handled_calls') }} as calls_with_transfer_rate
{%- endmacro %}
