{#- A relation of one column `number`: 0, 1, … up to `last`, inclusive. -#}
{% macro whole_numbers(last) -%}
    {{ return(adapter.dispatch('whole_numbers', 'callmart')(last)) }}
{%- endmacro %}

{% macro default__whole_numbers(last) -%}
    select number from generate_series(0, {{ last }}) as series (number)
{%- endmacro %}

{% macro bigquery__whole_numbers(last) -%}
    select number from unnest(generate_array(0, {{ last }})) as number
{%- endmacro %}


{#- How many base intervals begin in a day of 24 hours. -#}
{% macro base_intervals_of_a_day() -%}
    {{ return((1440 / var('base_interval_minutes')) | round(0, 'ceil') | int) }}
{%- endmacro %}
