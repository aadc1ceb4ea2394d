-- In every row of every mart, totals are the sum of their parts, shares are in [0, 1], and service levels are in order,
-- because the denominator of each is part of the one before. A failing row names the mart and the condition.
{%- set queue_laws = {
    'offered is the sum of its outcomes': 'offered = answered + abandoned + flowed_out + failed',
    'waits are the sum of their outcomes':
        'wait_seconds = answered_wait_seconds + abandoned_wait_seconds + flowed_out_wait_seconds + failed_wait_seconds',
    'no average wait is longer than the longest': 'average_queue_time <= longest_wait_seconds',
    'offered before including short': 'service_level_offered <= service_level_incl_short_abandons',
    'including before excluding short': 'service_level_incl_short_abandons <= service_level_excl_short_abandons',
    'excluding short before abandons ignored, where no threshold is above its target':
        'service_level_excl_short_abandons <= service_level_abandons_ignored '
        ~ 'or abandoned_after_target > abandoned - short_abandoned',
    'abandons ignored before answered only': 'service_level_abandons_ignored <= service_level_answered_only',
    'excluding short before abandons positive':
        'service_level_excl_short_abandons <= service_level_abandons_positive',
} %}
{%- set queue_shares = [
    'service_level', 'service_level_excl_short_abandons', 'service_level_incl_short_abandons',
    'service_level_offered', 'service_level_abandons_ignored', 'service_level_abandons_positive',
    'service_level_answered_only', 'service_level_vendor', 'abandonment_rate', 'abandonment_rate_gross',
    'abandonment_rate_vendor', 'short_abandonment_rate',
] %}
{%- set work_laws = {
    'handle time is the sum of its parts': 'handle_seconds = talk_seconds + hold_seconds + acw_seconds',
    'calls are no more than their segments': 'handled_calls <= handled_segments',
} %}
{%- set work_shares = ['hold_rate', 'short_call_rate', 'calls_with_transfer_rate'] %}

with

broken as (

    {{ broken_laws('mart_queue_intervals', queue_laws, queue_shares) }}
    union all
    {{ broken_laws('mart_queue_days', queue_laws, queue_shares + ['interval_sl_compliance']) }}
    union all
    {{ broken_laws('mart_queue_handle_time', work_laws, work_shares) }}
    union all
    {{ broken_laws('mart_agent_handle_time', work_laws, work_shares) }}

)

select *
from broken
