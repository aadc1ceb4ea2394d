{#-
  Views and tables are made in place, the old one dropped in the same transaction: nobody finds half of one, or none.
  dbt makes each under another name, renames the old and the new one and drops the old one after the commit: four
  questions to the adapter, each of which costs more than the model's SQL does.
-#}

{% materialization view, adapter="duckdb" %}
  {{ return(made_in_place(this.incorporate(type="view"))) }}
{% endmaterialization %}

{% materialization table, adapter="duckdb" %}
  {{ return(made_in_place(this.incorporate(type="table"))) }}
{% endmaterialization %}

{% macro made_in_place(target) %}
  {%- set existing = load_cached_relation(target) -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% call statement("main") %}
    {% if existing is not none %}{{ get_drop_sql(existing) }};{% endif %}
    {{ get_create_view_as_sql(target, sql) if target.is_view else get_create_table_as_sql(False, target, sql) }}
  {% endcall %}
  {% do persist_docs(target, model) %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({"relations": [target]}) }}
{% endmacro %}
