-- How many calls each of the two timestamps puts on a day (UTC), and how many of them the API no longer has.
with

vanished as (

    select
        calls.queued_at,
        calls.updated_at
    from {{ ref('fct_calls') }} as calls
    where calls.call_id in (select vanished_calls.call_id from {{ ref('stg_ccaip__vanished_calls') }} as vanished_calls)

),

counted as (

    {% for timestamp in ['queued', 'updated'] -%}
        select
            '{{ timestamp }}_at' as counted_by,
            {{ timestamp }}_day_at as day_start_at,
            calls as landed,
            0 as vanished
        from {{ ref('int_calls_by_day') }}

        union all

        select
            '{{ timestamp }}_at' as counted_by,
            {{ interval_start(timestamp ~ '_at', 1440) }} as day_start_at,
            0 as landed,
            1 as vanished
        from vanished
        {% if not loop.last -%}
            union all
        {% endif -%}
    {% endfor %}
)

select
    counted_by,
    day_start_at,
    {{ sum_of('landed') }} as landed,
    {{ sum_of('vanished') }} as vanished
from counted
where day_start_at is not null
group by counted_by, day_start_at
