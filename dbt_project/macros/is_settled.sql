{#-
    Whether no call holds an interval open any more: none is in progress, or the vendor has had the setting
    unfinished_call_hours since the interval's end to end them. Needs int_update_lateness as `lateness`.
-#}
{% macro is_settled(open_count, interval_end) -%}
    (
        {{ open_count }} = 0
        or {{ add_seconds(interval_end, var('unfinished_call_hours') * 3600) }} <= lateness.as_of_at
    )
{%- endmacro %}
