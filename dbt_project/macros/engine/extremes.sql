{#- The greater of two values; where one is unknown, the other. BigQuery's own `greatest` is unknown then. -#}
{% macro greater_of(left, right) -%}
    {{ return(adapter.dispatch('greater_of', 'callmart')(left, right)) }}
{%- endmacro %}

{% macro default__greater_of(left, right) -%}
    greatest({{ left }}, {{ right }})
{%- endmacro %}

{% macro bigquery__greater_of(left, right) -%}
    coalesce(greatest({{ left }}, {{ right }}), {{ left }}, {{ right }})
{%- endmacro %}


{#- The lesser of two values; where one is unknown, the other. -#}
{% macro lesser_of(left, right) -%}
    {{ return(adapter.dispatch('lesser_of', 'callmart')(left, right)) }}
{%- endmacro %}

{% macro default__lesser_of(left, right) -%}
    least({{ left }}, {{ right }})
{%- endmacro %}

{% macro bigquery__lesser_of(left, right) -%}
    coalesce(least({{ left }}, {{ right }}), {{ left }}, {{ right }})
{%- endmacro %}


{#- A number of seconds or the like as a whole number: the nearest, of two as near the even one. -#}
{% macro rounded(expression) -%}
    {{ return(adapter.dispatch('rounded', 'callmart')(expression)) }}
{%- endmacro %}

{% macro default__rounded(expression) -%}
    {{ as_bigint(expression) }}
{%- endmacro %}

{% macro bigquery__rounded(expression) -%}
    cast(
        case
            when {{ expression }} - floor({{ expression }}) = 0.5 then 2 * round(({{ expression }}) / 2)
            else round({{ expression }})
        end as int64
    )
{%- endmacro %}
