{#- A date so many days later; `days` is a whole number. -#}
{% macro add_days(local_date, days) -%}
    {{ return(adapter.dispatch('add_days', 'callmart')(local_date, days)) }}
{%- endmacro %}

{% macro default__add_days(local_date, days) -%}
    cast({{ local_date }} + ({{ days }}) * interval '1 day' as date)
{%- endmacro %}

{% macro bigquery__add_days(local_date, days) -%}
    date_add({{ local_date }}, interval ({{ days }}) day)
{%- endmacro %}


{#- The date after a date. -#}
{% macro next_date(local_date) -%}
    {{ add_days(local_date, 1) }}
{%- endmacro %}


{#- What a clock on the wall shows on a date at a time of day. -#}
{% macro at_time(local_date, time_of_day) -%}
    {{ return(adapter.dispatch('at_time', 'callmart')(local_date, time_of_day)) }}
{%- endmacro %}

{% macro default__at_time(local_date, time_of_day) -%}
    {{ local_date }} + {{ time_of_day }}
{%- endmacro %}

{% macro bigquery__at_time(local_date, time_of_day) -%}
    datetime({{ local_date }}, {{ time_of_day }})
{%- endmacro %}


{#- The day of the week of a date, 1 (Monday) to 7 (Sunday). -#}
{% macro iso_weekday(local_date) -%}
    {{ return(adapter.dispatch('iso_weekday', 'callmart')(local_date)) }}
{%- endmacro %}

{% macro default__iso_weekday(local_date) -%}
    cast(extract(isodow from {{ local_date }}) as bigint)
{%- endmacro %}

{% macro bigquery__iso_weekday(local_date) -%}
    mod(extract(dayofweek from {{ local_date }}) + 5, 7) + 1
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
    {{ return(engine_type('timestamp')) }}
{%- endmacro %}
