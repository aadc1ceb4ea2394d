{#-
    Indexes on the columns by which rows are looked up, one index a column: for the config `indexes`. Postgres alone needs
    them; DuckDB and BigQuery keep minima and maxima of column blocks.
-#}
{% macro lookup_indexes(columns) -%}
    {{ return(adapter.dispatch('lookup_indexes', 'callmart')(columns)) }}
{%- endmacro %}

{% macro default__lookup_indexes(columns) -%}
    {{ return([]) }}
{%- endmacro %}

{% macro postgres__lookup_indexes(columns) -%}
    {%- set indexes = [] -%}
    {%- for column in columns -%}
        {%- do indexes.append({'columns': [column]}) -%}
    {%- endfor -%}
    {{ return(indexes) }}
{%- endmacro %}


{#-
    How BigQuery keeps a table in parts, one a day of the column, which is a `date` or a `timestamp` (then the UTC date
    counts): for the config `partition_by`. The other engines have none.
-#}
{% macro day_partitions(column, data_type='date') -%}
    {{ return(adapter.dispatch('day_partitions', 'callmart')(column, data_type)) }}
{%- endmacro %}

{% macro default__day_partitions(column, data_type) -%}
    {{ return(none) }}
{%- endmacro %}

{% macro bigquery__day_partitions(column, data_type) -%}
    {{ return({'field': column, 'data_type': data_type, 'granularity': 'day'}) }}
{%- endmacro %}


{#-
    The part of a condition that lets BigQuery skip the parts of a table. An instant of a UTC date has the same local date or
    a neighbour, in any zone. Other engines skip by the instant itself.
-#}
{% macro in_partitions(column, first, last) -%}
    {{ return(adapter.dispatch('in_partitions', 'callmart')(column, first, last)) }}
{%- endmacro %}

{% macro default__in_partitions(column, first, last) -%}
{%- endmacro %}

{% macro bigquery__in_partitions(column, first, last) %}
    {%- set day = modules.datetime.timedelta(days=1) %}
                and {{ column }} between date '{{ first - day }}' and date '{{ last + day }}'
{%- endmacro %}


{#-
    Post-hook of every table: statistics for the planner. Postgres gathers none by itself before the next model of the run
    reads the table, and plans as if it were empty.
-#}
{% macro gather_statistics() -%}
    {{ return(adapter.dispatch('gather_statistics', 'callmart')()) }}
{%- endmacro %}

{% macro default__gather_statistics() -%}
{%- endmacro %}

{% macro postgres__gather_statistics() -%}
    {%- if model.config.materialized != 'view' -%} analyze {{ this }} {%- endif -%}
{%- endmacro %}
