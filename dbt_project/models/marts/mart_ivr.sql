{{ replaced_by_day('local_date', cluster_by=['queue_id']) }}

with

parts as (

    select
        local_date,
        queue_id,
        queue_name,
        call_type,
        count(*) as entered_menu,
        {{ count_where('is_menu_abandon') }} as menu_abandoned,
        {{ sum_of('menu_seconds') }} as menu_seconds,
        {{ sum_where('menu_seconds', 'is_menu_abandon') }} as abandoned_menu_seconds
    from {{ ref('int_calls_placed') }}
    -- A hang-up in the menus proves that the call was in the menus, even if its row is missing.
    where
        (has_entered_menu or is_menu_abandon)
        and {{ is_day_to_compute('local_date') }}
    group by 1, 2, 3, 4

)

select
    *,
    {{ safe_ratio('menu_abandoned', 'entered_menu') }} as ivr_abandonment_rate,
    {{ safe_ratio('menu_seconds', 'entered_menu') }} as average_menu_time
from parts
