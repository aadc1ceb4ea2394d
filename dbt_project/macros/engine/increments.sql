{#-
    One step of an incremental build: replace the rows of `target` that meet `is_replaced` by those of `computed`. `record`
    is the statement that records which days this changes, empty for a model that records none.

    On DuckDB and Postgres all of it happens in the materialization's one transaction. BigQuery has none around a
    materialization, and two transactions that write to one table at once stop one another there. So the record, which many
    models share, is written first and by itself: after a failure it names days on which nothing changed, which are then
    computed again.
-#}
{% macro replace_in_table(target, is_replaced, computed, columns, record='') -%}
    {{ return(adapter.dispatch('replace_in_table', 'callmart')(target, is_replaced, computed, columns, record)) }}
{%- endmacro %}

{% macro default__replace_in_table(target, is_replaced, computed, columns, record) -%}
    {{ record }}{{ ';' if record }}

    delete from {{ target }}
    where {{ is_replaced }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ computed }}
{%- endmacro %}

{% macro bigquery__replace_in_table(target, is_replaced, computed, columns, record) -%}
    {{ record }}{{ ';' if record }}

    begin transaction;

    delete from {{ target }}
    where {{ is_replaced }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ computed }};

    commit transaction
{%- endmacro %}


{#-
    The statements before a fact's rows are replaced by call, and the condition that a row is one of them: [statements,
    condition]. They are rows of the calls in the query `calls`.

    BigQuery reads the parts of a table that a script's variable names, so the dates of those rows are looked up first:
    that reads two columns of the fact, and the statements after it only the days that change.
-#}
{% macro rows_of_calls(target, calls) -%}
    {{ return(adapter.dispatch('rows_of_calls', 'callmart')(target, calls)) }}
{%- endmacro %}

{% macro default__rows_of_calls(target, calls) -%}
    {{ return(['', 'call_id in (' ~ calls ~ ')']) }}
{%- endmacro %}

{% macro bigquery__rows_of_calls(target, calls) -%}
    {%- set replaced = target.identifier ~ '__replaced' -%}
    {%- set statements -%}
        declare replaced_days array<date>;

        create or replace temp table {{ replaced }} as
        {{ calls }};

        set replaced_days = array(
            select distinct local_date
            from {{ target }}
            where local_date is not null and call_id in (select call_id from {{ replaced }})
        );
    {%- endset -%}
    {{ return([
        statements,
        '(local_date in unnest(replaced_days) or local_date is null) and call_id in (select call_id from '
        ~ replaced ~ ')',
    ]) }}
{%- endmacro %}


{#-
    What a build records, before it begins and after it has ended. The first is part of the build's transaction where there
    is one; an increment records in its strategy. Without a transaction a model must not count as built before it is: its
    record is removed first, and written last.
-#}
{% macro record_full_build() -%}
    {%- if execute -%}
        {%- set kind = recorded_as() -%}
        {%- if kind == 'calls' and not model.config.meta.get('work_set') -%}{{ require_calls_of_steps() }}{%- endif -%}
        {%- if not is_incremental() -%}
            {{ return(adapter.dispatch('record_full_build', 'callmart')(kind)) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro default__record_full_build(kind) -%}
    {%- if model.config.get('incremental_strategy') in ['replace_calls', 'replace_rows', 'append_changes'] -%}
        {{ record_every_day() }};
    {%- endif %}
    {{ record_built(kind) }}
{%- endmacro %}

{% macro bigquery__record_full_build(kind) -%}
    {%- if model.config.get('incremental_strategy') in ['replace_calls', 'replace_rows', 'append_changes'] -%}
        {{ record_every_day() }};
    {%- endif %}
    {% if kind == 'days' -%}
        delete from {{ day_record('built_days') }} where model_name = '{{ this.identifier }}'
    {%- elif kind == 'calls' -%}
        {{ forget_built_calls([this.identifier]) }}
    {%- endif -%}
{%- endmacro %}

{% macro record_finished_build() -%}
    {{ return(adapter.dispatch('record_finished_build', 'callmart')()) }}
{%- endmacro %}

{% macro default__record_finished_build() -%}
{%- endmacro %}

{% macro bigquery__record_finished_build() -%}
    {%- if execute -%}{{ record_built(recorded_as()) }}{%- endif -%}
{%- endmacro %}


{#- By what this model records how far it is built: `days`, `calls` or none. -#}
{% macro recorded_as() -%}
    {%- if model.config.get('meta', {}).get('work_set') -%}{{ return('calls') }}{%- endif -%}
    {{ return(
        {'replace_days': 'days', 'append_changes': 'days', 'replace_calls': 'calls'}.get(model.config.get('incremental_strategy'))
    ) }}
{%- endmacro %}

{% macro record_built(kind) -%}
    {%- if kind == 'days' -%}
        {{ record_built_days() }}
    {%- elif kind == 'calls' -%}
        {{ record_built_calls() }}
    {%- endif -%}
{%- endmacro %}


{#- The statement by which an increment records how far the model is built; BigQuery has a hook for it. -#}
{% macro record_built_in_transaction() -%}
    {{ return(adapter.dispatch('record_built_in_transaction', 'callmart')()) }}
{%- endmacro %}

{% macro default__record_built_in_transaction() -%}
    {{ record_built(recorded_as()) }}
{%- endmacro %}

{% macro bigquery__record_built_in_transaction() -%}
{%- endmacro %}


{#- dbt's materialization for BigQuery knows `merge` and `insert_overwrite`. These two let it take the project's own. -#}
{% macro dbt_bigquery_validate_get_incremental_strategy(config) -%}
    {{ return(config.get('incremental_strategy')) }}
{%- endmacro %}

{% macro bq_generate_incremental_build_sql(
    strategy, tmp_relation, target_relation, sql, unique_key, partition_by, partitions, dest_columns,
    tmp_relation_exists, copy_partitions, incremental_predicates
) -%}
    {%- if not tmp_relation_exists -%}
        {{ bq_create_table_as(partition_by, true, tmp_relation, sql) }}
    {%- endif -%}
    {{ context['get_incremental_' ~ strategy ~ '_sql']({
        'target_relation': target_relation,
        'temp_relation': tmp_relation,
        'dest_columns': dest_columns,
    }) }}
{%- endmacro %}
