{#-
    Whether no call keeps an interval open: none is in progress, or more than unfinished_call_hours have passed since the
    interval's end. Needs int_update_lateness as `lateness`.
-#}
{% macro is_settled(open_count, interval_end) -%}
    (
        {{ open_count }} = 0
        or {{ add_seconds(interval_end, var('unfinished_call_hours') * 3600) }} <= lateness.as_of_at
    )
{%- endmacro %}
