{#- An expression as text. -#}
{% macro as_text(expression) -%}
    cast({{ expression }} as {{ dbt.type_string() }})
{%- endmacro %}


{#- An expression as a whole number of 64 bits. -#}
{% macro as_bigint(expression) -%}
    cast({{ expression }} as {{ dbt.type_bigint() }})
{%- endmacro %}


{#- An expression as a floating-point number of 64 bits. -#}
{% macro as_double(expression) -%}
    cast({{ expression }} as {{ engine_type('double') }})
{%- endmacro %}


{#- Words as a literal; engines escape a quote in it in different ways. -#}
{% macro literal(words) -%}
    {{ dbt.string_literal(dbt.escape_single_quotes(words)) }}
{%- endmacro %}


{#- Keys joined by hyphens, as text: the key of a row that has none of its own. -#}
{% macro joined_key(columns) -%}
    {%- for column in columns -%}
        {{ as_text(column) }}{{ " || '-' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{#-
    The engine's own name of a type. Contracts name types as DuckDB does; most of these names are known to the other
    engines too. dbt's own `type_float` is a float of 32 bits on DuckDB.
-#}
{% macro engine_type(data_type) -%}
    {{ return(adapter.dispatch('engine_type', 'callmart')(data_type)) }}
{%- endmacro %}

{% macro default__engine_type(data_type) -%}
    {{ return({'double': 'double precision'}.get(data_type | lower | trim, data_type)) }}
{%- endmacro %}

{% macro duckdb__engine_type(data_type) -%}
    {{ return(data_type) }}
{%- endmacro %}

{% macro bigquery__engine_type(data_type) -%}
    {%- set types = {
        'double': 'float64', 'bigint': 'int64', 'integer': 'int64', 'varchar': 'string', 'text': 'string',
        'boolean': 'bool', 'timestamptz': 'timestamp', 'timestamp': 'datetime',
    } -%}
    {{ return(types.get(data_type | lower | trim, data_type)) }}
{%- endmacro %}


{#- dbt calls this before it checks a contract: the types of the contract get the engine's names. -#}
{% macro default__get_assert_columns_equivalent(sql) -%}
    {%- for column in model['columns'].values() -%}
        {%- do column.update({'data_type': engine_type(column['data_type'])}) -%}
    {%- endfor -%}
    {{ return(assert_columns_equivalent(sql)) }}
{%- endmacro %}


{#-
    dbt casts the cells of unit tests from text, empty cells of seeds too. DuckDB and BigQuery try a cast; on Postgres an
    empty text is not a number.
-#}
{% macro postgres__safe_cast(field, type) -%}
    {%- if type | lower in ['text', 'varchar', 'character varying'] -%}
        cast({{ field }} as {{ type }})
    {%- else -%}
        cast(nullif(cast({{ field }} as text), '') as {{ type }})
    {%- endif -%}
{%- endmacro %}
