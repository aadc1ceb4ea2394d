{#-
    Start of the interval an instant lies in: UTC in, UTC out, whole minutes since the epoch.
    Arithmetic on the epoch knows no session zone and no daylight saving, so an interval is never
    23 or 25 hours' worth of anything.
-#}
{% macro interval_start(ts, minutes) -%}
    {{ return(adapter.dispatch('interval_start', 'callmart')(ts, minutes)) }}
{%- endmacro %}

{% macro default__interval_start(ts, minutes) -%}
    to_timestamp(floor(extract(epoch from {{ ts }}) / {{ minutes * 60 }}) * {{ minutes * 60 }})
{%- endmacro %}

{% macro bigquery__interval_start(ts, minutes) -%}
    timestamp_seconds(cast(floor(unix_seconds({{ ts }}) / {{ minutes * 60 }}) as int64) * {{ minutes * 60 }})
{%- endmacro %}
