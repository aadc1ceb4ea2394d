{#-
    Which rows data tests look at: all of them, or, in a scheduled run, what the run touched: the days in `changed_days` and
    the calls in `changed_calls`, whose entries stay until the next run begins.

    `callmart transform` limits the tests with the environment variable CALLMART_TESTS_LOOK_AT, where the build before it was
    whole, had the same definitions and passed. A variable of dbt would do too, but with another value dbt parses the whole
    project again. dbt by itself looks at everything, and so do tests when `changed_days` names every day, as after a build
    in full.
-#}

{% macro is_touched_only() -%}
    {{ return(execute and env_var('CALLMART_TESTS_LOOK_AT', 'everything') == 'touched') }}
{%- endmacro %}


{#- The touched days as a list of spans [first date, last date]; none if tests look at everything. -#}
{% macro touched_spans(days) -%}
    {%- if not is_touched_only() -%}{{ return(none) }}{%- endif -%}
    {%- set dates = run_query(
        "select distinct " ~ days ~ " as day from " ~ day_record('changed_days')
        ~ " where " ~ days ~ " is not null or (date_utc is null and local_date is null) order by day"
    ).columns[0].values() -%}
    {{ return(spans_of(dates)) }}
{%- endmacro %}


{#-
    The condition that a row is of a touched day, for a test's SQL. `days` says which dates count: `date_utc` or
    `local_date`. Rows without a date are always looked at. The others are as in `is_day_to_compute`.
-#}
{% macro is_touched(column, days, before=0, after=0, partition=none) -%}
    {%- set spans = touched_spans(days) -%}
    {%- if spans is none -%}
        true
    {%- else -%}
        ({{ column }} is null or {{ is_within_spans(column, spans, before, after, partition) }})
    {%- endif -%}
{%- endmacro %}


{#- The condition that a row is of a touched call. -#}
{% macro is_of_touched_call() -%}
    {%- set calls = ref('changed_calls') -%}
    {{ return('call_id in (select call_id from ' ~ calls ~ ')' if is_touched_only() else 'true') }}
{%- endmacro %}


{#-
    The condition that a model's row is touched, by what its config says of how it is dated; `true` for one that is small or
    undated. Rows of calls in staging have no date. `partition` is the column by which BigQuery keeps the rows in parts.
-#}
{% macro is_touched_row(node, partition=none) -%}
    {%- set meta = node.config.get('meta') or {} -%}
    {%- if node.config.incremental_strategy == 'replace_calls' -%}
        {{ is_touched('local_date', 'local_date') }}
    {%- elif meta.get('dated_by') -%}
        {{ is_touched(meta['dated_by'], meta['days'], meta.get('before', 0), meta.get('after', 0), partition) }}
    {%- elif node.fqn[1] == 'staging' and 'call_id' in node.columns and 'load_id' in node.columns -%}
        {{ is_of_touched_call() }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{% macro partition_of(relation) -%}
    {%- set node = node_of(relation) -%}
    {{ return((node.config.get('partition_by') or {}).get('field') if node) }}
{%- endmacro %}

{#- The node of a model's relation; none while dbt parses, and for seeds and sources. -#}
{% macro node_of(relation) -%}
    {{ return(graph.nodes.get('model.' ~ project_name ~ '.' ~ relation.identifier) if execute) }}
{%- endmacro %}


{#- The rows of a model that a test looks at: the model itself, or a subquery. -#}
{% macro touched_rows(relation) -%}
    {%- set node = node_of(relation) -%}
    {%- if not node -%}{{ return(relation) }}{%- endif -%}
    {%- set condition = is_touched_row(node, partition_of(relation)) | trim -%}
    {%- set always = (node.config.get('meta') or {}).get('always') -%}
    {{ return(rows_where(relation, condition ~ (' or ' ~ always if always and condition != 'true' else ''))) }}
{%- endmacro %}


{#- The rows of touched calls, whatever their day; `relation` has a column call_id. -#}
{% macro rows_of_touched_calls(relation) -%}
    {{ return(rows_where(relation, is_of_touched_call())) }}
{%- endmacro %}


{% macro rows_where(relation, condition) -%}
    {{ return(relation if condition | trim == 'true' else '(select * from ' ~ relation ~ ' where ' ~ condition ~ ')') }}
{%- endmacro %}


{#- The touched UTC days as periods: a row each, from begins_at to before ends_at. -#}
{% macro touched_periods() -%}
    {%- set day = modules.datetime.timedelta(days=1) -%}
    {%- set always = [modules.datetime.date(1, 1, 2), modules.datetime.date(9999, 12, 30)] -%}
    {%- set never = [always[0], always[0] - day] -%}
    {%- set spans = touched_spans('date_utc') -%}
    {%- for first, last in ([always] if spans is none else spans or [never]) %}
        {{ 'union all' if not loop.first }}
        select
            {{ utc_midnight(first) }} as begins_at,
            {{ utc_midnight(last + day) }} as ends_at
    {%- endfor %}
{%- endmacro %}


{#-
    What dbt calls for the `model` of every generic test. A test that compares it with another relation looks at all rows,
    unless it says by which column both are dated. Tests in staging run after the calls are listed.
-#}
{% macro get_where_subquery(relation) -%}
    {%- if model.fqn[1] == 'staging' -%}{%- do ref('changed_calls') -%}{%- endif -%}
    {%- set rows = touched_rows(relation) if is_dated_alike() else relation -%}
    {%- set where = config.get('where') -%}
    {%- if where -%}{%- set rows = rows_where(rows ~ (' as touched' if rows is string else ''), where) -%}{%- endif -%}
    {{ return(rows ~ ' as dbt_subquery' if rows is string else rows) }}
{%- endmacro %}

{% macro is_dated_alike() -%}
    {%- set arguments = model.get('test_metadata', {}).get('kwargs', {}) -%}
    {%- set tested = graph.nodes.get(model.attached_node, {}) if execute else {} -%}
    {%- set meta = tested.get('config', {}).get('meta') or {} -%}
    {{ return(
        'compare_to' not in arguments
        or ('dated_by' in arguments and meta.get('dated_by') == arguments['dated_by'] and not meta.get('always'))
    ) }}
{%- endmacro %}

{#- The other relation's rows, of the same days. -#}
{% macro compared_rows(relation) -%}
    {%- if not execute or not is_dated_alike() -%}{{ return(relation) }}{%- endif -%}
    {{ return(rows_where(relation, is_touched_row(graph.nodes[model.attached_node], partition_of(relation)))) }}
{%- endmacro %}
