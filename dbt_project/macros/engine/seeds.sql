{#-
    Seeds on BigQuery, as statements. dbt's own way there sends the file, which leaves a seed without rows without a table,
    takes the types as they are written, and knows no time of day without seconds.
-#}
{% macro bigquery__create_csv_table(model, agate_table) -%}
    {%- set types = model['config']['column_types'] -%}
    {%- call statement('create_seed') -%}
        create or replace table {{ this }} (
            {%- for column in agate_table.column_names %}
            {{ column }} {{ engine_type(types[column]) }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
    {%- endcall -%}
{%- endmacro %}


{% macro bigquery__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {{ create_csv_table(model, agate_table) }}
{%- endmacro %}


{% macro bigquery__load_csv_rows(model, agate_table) -%}
    {%- set types = model['config']['column_types'] -%}
    {%- for rows in agate_table.rows | batch(500) -%}
        {%- call statement('load_seed') -%}
            insert into {{ this }} ({{ agate_table.column_names | join(', ') }})
            values
            {%- for row in rows %}
            (
                {%- for column in agate_table.column_names -%}
                    {{ seed_cell(row[column], engine_type(types[column])) }}{{ ', ' if not loop.last }}
                {%- endfor -%}
            ){{ ',' if not loop.last }}
            {%- endfor -%}
        {%- endcall -%}
    {%- endfor -%}
{%- endmacro %}


{#- A cell of a seed as a literal of its column's type. -#}
{% macro seed_cell(cell, type) -%}
    {%- if cell is none -%}
        cast(null as {{ type }})
    {%- elif type == 'string' -%}
        {{ literal(cell | replace('\\', '\\\\')) }}
    {%- else -%}
        cast('{{ cell }}{{ ':00' if type == 'time' and cell | length < 6 }}' as {{ type }})
    {%- endif -%}
{%- endmacro %}
