{# After `callmart forget --remove-calls` what is remembered of a removed call keeps how it counted, and loses what leads
   to the call: its id, and the segment's name, which is made of it. All versions of a segment get the same new name. #}
{% macro unlink_removed_calls() %}
    update {{ this }}
    set
        call_id = null,
        queue_segment_id = removed.new_name
    from (
        select
            queue_segment_id as old_name,
            'removed-'
            || {{ as_text(
                'row_number() over (order by queue_segment_id)'
                ~ ' + (select count(distinct queue_segment_id) from ' ~ this ~ ' where call_id is null)'
            ) }} as new_name
        from {{ this }}
        where call_id is not null and call_id not in (select call_id from {{ ref('fct_calls') }})
        group by queue_segment_id
    ) as removed
    where queue_segment_id = removed.old_name
{% endmacro %}
