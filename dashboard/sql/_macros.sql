{# What the panels' SQL shares. `of` is a table's alias with its dot, where a query has several tables. #}

{# The chosen queues; no choice is all. #}
{% macro in_queues(of='') -%}
(:queues = '' or strpos(:queues, '|' || cast({{ of }}queue_id as varchar) || '|') > 0)
{%- endmacro %}

{# The chosen queues, language and call type. #}
{% macro in_filters(of='') -%}
{{ in_queues(of) }}
    and (:language = '' or {{ of }}language = :language)
    and (:call_type = '' or {{ of }}call_type = :call_type)
{%- endmacro %}

{# The selected dates, and those before from `bounds.before_from` on, which is NULL where nothing is compared. #}
{% macro in_periods(of='') -%}
(
            {{ of }}local_date between :from_date and :to_date
            or {{ of }}local_date between bounds.before_from and cast(:before_to as date)
        )
{%- endmacro %}

{% macro period(of='') -%}
case when {{ of }}local_date >= :from_date then 'selected' else 'before' end as period
{%- endmacro %}

{# The ratio of two sums; NULL where there is nothing to divide by. #}
{% macro ratio(part, whole) -%}
cast(sum({{ part }}) as double precision) / nullif(sum({{ whole }}), 0)
{%- endmacro %}

{% macro service_level() -%}
{{ ratio('service_level_numerator', 'service_level_denominator') }}
{%- endmacro %}

{# The target of the queues, weighted by calls. Whole numbers are summed, so a level on target has a gap of exactly 0. #}
{% macro target_level() -%}
cast(sum(target_percent * service_level_denominator) as double precision) / 100
        / nullif(sum(case when target_percent is not null then service_level_denominator end), 0)
{%- endmacro %}

{# Seconds for each handled segment, and what they are made of, from mart_queue_handle_time. #}
{% macro handle_times() -%}
cast(sum(handled_segments) as bigint) as handled_segments,
    {{ ratio('handle_seconds', 'handled_segments') }} as average_handle_time,
    {{ ratio('talk_seconds', 'handled_segments') }} as average_talk_time,
    {{ ratio('hold_seconds', 'handled_segments') }} as average_hold_time,
    {{ ratio('acw_seconds', 'handled_segments') }} as average_acw_time
{%- endmacro %}

{# Each column of the row `selected` beside that of the row `before`, and the change. #}
{% macro compared(columns) -%}
{% for column in columns -%}
selected.{{ column }},
    before.{{ column }} as {{ column }}_before,
    selected.{{ column }} - before.{{ column }} as {{ column }}_change{{ ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}
