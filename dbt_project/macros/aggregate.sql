{#- The number of rows that meet a condition; 0 for none. -#}
{% macro count_where(condition) -%}
    count(case when {{ condition }} then 1 end)
{%- endmacro %}

{#- Sum of a whole number over the rows that meet a condition; 0 for none. -#}
{% macro sum_where(expression, condition) -%}
    {{ as_bigint('coalesce(sum(case when ' ~ condition ~ ' then ' ~ expression ~ ' end), 0)') }}
{%- endmacro %}

{#- Sum of a column of whole numbers; 0 for none. -#}
{% macro sum_of(expression) -%}
    {{ as_bigint('coalesce(sum(' ~ expression ~ '), 0)') }}
{%- endmacro %}

{#-
    The percentile of values that each occur so many times, interpolated as by the macro `percentile`: from a row for each
    value, with the number of its occurrences, that of all up to it, and that of all. Whole numbers decide, so that engines
    agree: a place in the order is `percent` of the last, in hundredths.
-#}
{% macro percentile_of_counts(expression, count, so_far, total, percent) -%}
    {%- set place -%} {{ percent }} * ({{ total }} - 1) {%- endset -%}
    {%- set lower -%} min(case when {{ count }} > 0 and 100 * {{ so_far }} > {{ place }} then {{ expression }} end) {%- endset -%}
    {%- set upper -%}
        min(case when {{ count }} > 0 and 100 * {{ so_far }} >= {{ place }} + 100 then {{ expression }} end)
    {%- endset -%}
    {{ as_double(lower) }} + {{ as_double('(' ~ upper ~ ' - ' ~ lower ~ ') * max(mod(' ~ place ~ ', 100))') }} / 100
{%- endmacro %}
