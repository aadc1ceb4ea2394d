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
