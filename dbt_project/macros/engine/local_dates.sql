{#- The date after a date. -#}
{% macro next_date(local_date) -%}
    {{ return(adapter.dispatch('next_date', 'callmart')(local_date)) }}
{%- endmacro %}

{% macro default__next_date(local_date) -%}
    cast({{ local_date }} + interval '1 day' as date)
{%- endmacro %}

{% macro bigquery__next_date(local_date) -%}
    date_add({{ local_date }}, interval 1 day)
{%- endmacro %}


{#-
    The instant at which a date begins in a zone. Where clocks are set back to midnight (Azores), midnight comes twice
    and the engines disagree about which of the two is meant: the date begins with the first.
-#}
{% macro start_of_date(local_date, zone) -%}
    {%- set midnight = 'cast(' ~ local_date ~ ' as ' ~ local_timestamp_type() ~ ')' -%}
    {%- set start = to_utc(midnight, zone) -%}
    case
        {%- for seconds in [7200, 3600, 1800] %}
        when {{ to_local(add_seconds(start, -seconds), zone) }} = {{ midnight }} then {{ add_seconds(start, -seconds) }}
        {%- endfor %}
        else {{ start }}
    end
{%- endmacro %}


{#- The type of what a clock on the wall shows: date and time without a zone. -#}
{% macro local_timestamp_type() -%}
    {{ return(adapter.dispatch('local_timestamp_type', 'callmart')()) }}
{%- endmacro %}

{% macro default__local_timestamp_type() -%}
    {{ return('timestamp') }}
{%- endmacro %}

{% macro bigquery__local_timestamp_type() -%}
    {{ return('datetime') }}
{%- endmacro %}
