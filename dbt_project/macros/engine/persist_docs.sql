{#-
    dbt's own asks the database for a table's columns, twice, before it writes their comments, which takes a quarter of
    a small build. Ours are known: each column is described, and none is made up.
-#}
{% macro write_comments(relation, model, for_relation, for_columns) -%}
    {%- set comments = [] -%}
    {%- if for_relation and config.persist_relation_docs() and model.description -%}
        {%- do comments.append('table ' ~ relation ~ " is '" ~ model.description | replace("'", "''") ~ "'") -%}
    {%- endif -%}
    {%- if for_columns and config.persist_column_docs() -%}
        {%- for column in model.columns.values() -%}
            {%- do comments.append(
                'column ' ~ relation ~ '.' ~ column.name ~ " is '" ~ column.description | replace("'", "''") ~ "'"
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if comments -%}
        {%- do run_query('comment on ' ~ comments | join('; comment on ')) -%}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__persist_docs(relation, model, for_relation=true, for_columns=true) -%}
    {{- write_comments(relation, model, for_relation, for_columns) -}}
{%- endmacro %}

{% macro postgres__persist_docs(relation, model, for_relation=true, for_columns=true) -%}
    {{- write_comments(relation, model, for_relation, for_columns) -}}
{%- endmacro %}
