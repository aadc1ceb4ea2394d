{#-
    Which days changed, and up to which change each model was built.

    A model from which others are computed by day records the days on which its rows changed in `changed_days`, in the
    transaction that changes them, each time with a higher number. A model with the strategy `replace_days` computes only
    the days recorded since it was last built; `built_days` stores the number it was built up to, in the same transaction.
    So after a failed run the next one continues from there. BigQuery has no such transaction, and an order of steps of its own:
    macros/engine/increments.sql.

    A row without dates means every day: the model was built in full, or its change may affect any day.
-#}

{#- One of the two tables. Without `ref`, because hooks and strategies of many models use it. -#}
{% macro day_record(name) -%}
    {{ return(api.Relation.create(database=this.database, schema='intermediate', identifier=name)) }}
{%- endmacro %}


{#- Whether a model is built by an increment now: not while dbt parses, nor in a unit test, where `this` is none. -#}
{% macro is_increment() -%}
    {{ return(execute and this is not none and is_incremental()) }}
{%- endmacro %}


{#- For the query of a model that uses `changed_days`: makes it a dependency in dbt. -#}
{% macro after_day_records() -%}
    {%- if not execute -%}{%- do ref('changed_days') -%}{%- endif -%}
{%- endmacro %}


{#- The UTC date of an instant. -#}
{% macro utc_date(ts) -%}
    cast({{ to_local(ts, "'UTC'") }} as date)
{%- endmacro %}


{#- Record the days that the caller's query tells (date_utc, local_date) as changed by this model. -#}
{% macro record_changed_days() -%}
    insert into {{ day_record('changed_days') }} (source_name, date_utc, local_date, change_number)
    select
        '{{ this.identifier }}',
        days.date_utc,
        days.local_date,
        numbers.change_number
    from ({{ caller() }}) as days
    cross join (
        select greatest(
            (select coalesce(max(change_number), 0) from {{ day_record('changed_days') }}),
            (select coalesce(max(change_number), 0) from {{ day_record('built_days') }})
        ) + 1 as change_number
    ) as numbers
{%- endmacro %}


{#- The same for a build in full: it may change any day. -#}
{% macro record_every_day() -%}
    {% call record_changed_days() %}
        select
            cast(null as date) as date_utc,
            cast(null as date) as local_date
    {% endcall %}
{%- endmacro %}


{#-
    Record that this model is built up to the newest change, of any model, so that entries that all models have seen can
    be removed. The next change of its sources has a higher number in any case.
-#}
{% macro record_built_days() -%}
    {%- set built_days = day_record('built_days') -%}
    delete from {{ built_days }} where model_name = '{{ this.identifier }}';

    insert into {{ built_days }} (model_name, change_number, project_fingerprint)
    select
        '{{ this.identifier }}' as model_name,
        coalesce(max(change_number), 0) as change_number,
        '{{ project_fingerprint() }}' as project_fingerprint
    from {{ day_record('changed_days') }}
{%- endmacro %}


{#-
    The models whose recorded days this one has to recompute: on every path up to the raw tables, the first model that
    records its changes. A path without one is an error, because changes would be missed. Seeds are part of the project's
    fingerprint.
-#}
{% macro recording_sources() -%}
    {%- set found = [] -%}
    {%- set seen = [] -%}
    {%- set ways = model.depends_on.nodes | list -%}
    {%- for _ in range(1000) if ways -%}
        {%- set name = ways.pop() -%}
        {%- if name not in seen -%}
            {%- do seen.append(name) -%}
            {%- if name.startswith('source.') -%}
                {{ exceptions.raise_compiler_error(
                    this.identifier ~ ' depends on ' ~ name ~ ', whose changes no model records in changed_days.'
                ) }}
            {%- endif -%}
            {%- set node = graph.nodes[name] -%}
            {%- if node.config.incremental_strategy in ['replace_calls', 'replace_rows', 'append_changes'] -%}
                {%- do found.append(node.name) -%}
            {%- elif node.resource_type == 'model' and node.name not in ['changed_days', 'built_days'] -%}
                {%- do ways.extend(node.depends_on.nodes) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found | sort) }}
{%- endmacro %}


{#-
    The days that this model has to recompute, as a list of spans [first date, last date]; none if it must compute all.
    `kind` is `date_utc` or `local_date`.
-#}
{% macro spans_to_compute(kind) -%}
    {%- set built = run_query(
        "select change_number from " ~ day_record('built_days') ~ " where model_name = '" ~ this.identifier
        ~ "' and project_fingerprint = '" ~ project_fingerprint() ~ "'"
    ).columns[0].values() -%}
    {%- if built | length == 0 -%}{{ return(none) }}{%- endif -%}
    {%- set dates = run_query(
        "select distinct " ~ kind ~ " as day from " ~ day_record('changed_days') ~ " where source_name in ('"
        ~ recording_sources() | join("', '") ~ "') and change_number > " ~ built[0] | int ~ " order by day"
    ).columns[0].values() -%}
    {{ return(spans_of(dates)) }}
{%- endmacro %}


{#- Dates in order as spans [first date, last date]; none if one of them is none, or if they are too many. -#}
{% macro spans_of(dates) -%}
    {%- if none in dates or dates | length > 1000 -%}{{ return(none) }}{%- endif -%}
    {%- set spans = [] -%}
    {%- set day = modules.datetime.timedelta(days=1) -%}
    {%- for date in dates -%}
        {%- if spans and date - spans[-1][1] == day -%}
            {%- do spans[-1].pop() -%}
            {%- do spans[-1].append(date) -%}
        {%- else -%}
            {%- do spans.append([date, date]) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(spans) }}
{%- endmacro %}


{#-
    The body's filter: nothing in a full build; in an incremental one whether a row is of a day to compute, so many days
    `before` and `after` it included. `column` is a date, or an instant if its name ends in `_at`: then its UTC date counts.
    The days are literals, so that engines read the parts of a table that hold them, and no others. `partition` is the local
    date by which BigQuery keeps the table in parts, where that is another column.
-#}
{% macro is_day_to_compute(column, before=0, after=0, partition=none) -%}
    {{- after_day_records() -}}
    {%- if not is_increment() -%}
        true
    {%- else -%}
        {{ is_within_spans(column, spans_to_compute(config.get('meta')['days']), before, after, partition) }}
    {%- endif -%}
{%- endmacro %}

{% macro is_within_spans(column, spans, before=0, after=0, partition=none) -%}
    {%- if spans is none -%}
        true
    {%- elif spans | length == 0 -%}
        false
    {%- else -%}
        (
            {%- for first, last in spans %}
            {%- set first = first - modules.datetime.timedelta(days=before) -%}
            {%- set last = last + modules.datetime.timedelta(days=after) %}
            {{ 'or ' if not loop.first }}
            {%- if column.endswith('_at') -%}
                ({{ column }} >= {{ utc_midnight(first) }}
                and {{ column }} < {{ utc_midnight(last + modules.datetime.timedelta(days=1)) }}
                {{- in_partitions(partition, first, last) if partition not in [none, column] }})
            {%- else -%}
                {{ column }} between date '{{ first }}' and date '{{ last }}'
            {%- endif -%}
            {%- endfor %}
        )
    {%- endif -%}
{%- endmacro %}

{#- The instant at which a date begins in UTC, as a literal. -#}
{% macro utc_midnight(date) -%}
    cast('{{ date }} 00:00:00+00:00' as {{ engine_type('timestamptz') }})
{%- endmacro %}


{#-
    The config of a model that is computed by day: the macro is the first line of the model. `dated_by` is the column that
    dates a row: a local date, or an instant, whose name ends in `_at`. `days` says which of the recorded dates count, that
    of the day in UTC or the local one. So many days `before` and `after` a recorded one change with it. Rows that meet the
    condition `always` are replaced in every build, because they depend on all days.
-#}
{% macro replaced_by_day(
    dated_by, cluster_by=none, days=none, before=0, after=0, always=none, partition_by='local_date'
) -%}
    {{ config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='append_new_columns',
        indexes=lookup_indexes([dated_by]),
        partition_by=day_partitions(partition_by, 'timestamp' if partition_by.endswith('_at') else 'date'),
        cluster_by=cluster_by,
        meta={
            'days': days or ('date_utc' if dated_by.endswith('_at') else 'local_date'),
            'dated_by': dated_by,
            'before': before,
            'after': after,
            'always': always,
        }
    ) }}
{%- endmacro %}


{#- Incremental strategy `replace_days`: replace the rows of the days to compute, and record up to which change that is. -#}
{% macro get_incremental_replace_days_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set meta = config.get('meta') -%}
    {%- set is_replaced = is_within_spans(
        meta['dated_by'], spans_to_compute(meta['days']), meta['before'], meta['after'],
        partition=(config.get('partition_by') or {}).get('field')
    ) -%}

    {{ replace_in_table(
        target_relation,
        is_replaced ~ (' or ' ~ meta['always'] if meta['always'] else ''),
        arg_dict['temp_relation'],
        columns
    ) }};

    {{ record_built_in_transaction() }}
{%- endmacro %}


{#-
    Incremental strategy `append_changes`, for a history: rows are only added. The days of all versions of what changed are
    recorded, because a version counts until the next one, which may be of another day. The config names the key and the
    instant: `meta: {days: date_utc, versions_of: …, dated_by: …}`.
-#}
{% macro get_incremental_append_changes_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set key = config.get('meta')['versions_of'] -%}
    {%- set date = utc_date(config.get('meta')['dated_by']) -%}
    {%- set record -%}
        {% call record_changed_days() %}
            select
                {{ date }} as date_utc,
                cast(null as date) as local_date
            from {{ arg_dict['temp_relation'] }}

            union distinct

            select
                {{ date }} as date_utc,
                cast(null as date) as local_date
            from {{ target_relation }}
            where {{ key }} in (select {{ key }} from {{ arg_dict['temp_relation'] }})
        {% endcall %}
    {%- endset -%}

    {{ replace_in_table(target_relation, 'false', arg_dict['temp_relation'], columns, record) }};

    {{ record_built_in_transaction() }}
{%- endmacro %}


{#-
    Incremental strategy `replace_rows`, for small tables that others are joined with: replace all rows, and record what
    that changes elsewhere. `meta: {reach: …}` names the macro that tells the days, from the rows before and after.
-#}
{% macro get_incremental_replace_rows_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}

    {%- set record -%}
        {% call record_changed_days() %}
            {{ context[config.get('meta')['reach']](target_relation, arg_dict['temp_relation']) }}
        {% endcall %}
    {%- endset -%}

    {{ replace_in_table(target_relation, 'true', arg_dict['temp_relation'], columns, record) }}
{%- endmacro %}


{#- Every day, if any of the columns `meta: {compared: …}` has changed. -#}
{% macro every_day(before, after) -%}
    {%- set columns = config.get('meta')['compared'] | join(', ') -%}
    select
        cast(null as date) as date_utc,
        cast(null as date) as local_date
    from (
        (select {{ columns }} from {{ before }} except distinct select {{ columns }} from {{ after }})
        union all
        (select {{ columns }} from {{ after }} except distinct select {{ columns }} from {{ before }})
    ) as differences
    limit 1
{%- endmacro %}


{#-
    The days between the first and the last mention of the agents whose name changed, who came or who went, and two more on
    either side: work ends after it begins, and dates begin by local time. Of more than a thousand days all are computed.
-#}
{% macro days_of_changed_agents(before, after) -%}
    {%- set day = add_days(utc_date('agents.first_seen_at'), 'numbers.number - 2') -%}
    select distinct
        {{ day }} as date_utc,
        {{ day }} as local_date
    from (
        select agent_id, first_seen_at, last_seen_at from {{ before }}
        union all
        select agent_id, first_seen_at, last_seen_at from {{ after }}
    ) as agents
    cross join ({{ whole_numbers(1001) }}) as numbers
    where
        (agents.first_seen_at is null or {{ day }} <= {{ add_days(utc_date('agents.last_seen_at'), 2) }})
        and agents.agent_id in (
            select differences.agent_id
            from (
                (select agent_id, agent_name from {{ before }} except distinct select agent_id, agent_name from {{ after }})
                union all
                (select agent_id, agent_name from {{ after }} except distinct select agent_id, agent_name from {{ before }})
            ) as differences
        )
{%- endmacro %}


{#- The local dates of the rows in which any of the columns `meta: {compared: …}` has changed. -#}
{% macro dates_of_changed_rows(before, after) -%}
    {%- set columns = config.get('meta')['compared'] | join(', ') -%}
    select distinct
        cast(null as date) as date_utc,
        local_date
    from (
        (select {{ columns }} from {{ before }} except distinct select {{ columns }} from {{ after }})
        union all
        (select {{ columns }} from {{ after }} except distinct select {{ columns }} from {{ before }})
    ) as differences
{%- endmacro %}


{#- Dates that were added or removed, and three on either side, because opening hours are listed for neighbouring dates. -#}
{% macro dates_around(before, after) -%}
    select
        {{ add_days('differences.local_date', 'numbers.number - 3') }} as date_utc,
        {{ add_days('differences.local_date', 'numbers.number - 3') }} as local_date
    from (
        (select local_date from {{ before }} except distinct select local_date from {{ after }})
        union all
        (select local_date from {{ after }} except distinct select local_date from {{ before }})
    ) as differences
    cross join ({{ whole_numbers(6) }}) as numbers
{%- endmacro %}


{#-
    The days whose intervals can become final, or provisional again, when int_update_lateness changes: those between the
    old and the new end of what is final, between the old and the new instant before which an unfinished call keeps nothing
    provisional, and between those before which a caller can no longer repeat a contact. Two days more on either side:
    intervals end after they begin, and dates begin by local time.
-#}
{% macro days_between_horizons(before, after) -%}
    {%- set horizons = [
        add_seconds('as_of_at', '-1 * lateness_seconds'),
        add_seconds('as_of_at', -var('unfinished_call_hours') * 3600),
        add_seconds('as_of_at', -7 * 86400),
    ] -%}
    select
        case when is_short then {{ add_days('first_date', 'numbers.number') }} end as date_utc,
        case when is_short then {{ add_days('first_date', 'numbers.number') }} end as local_date
    from (
        {%- for horizon in horizons %}
        select
            old_date is not null
            and new_date is not null
            and greatest(old_date, new_date) < {{ add_days('least(old_date, new_date)', 400) }} as is_short,
            {{ add_days('least(old_date, new_date)', -2) }} as first_date,
            {{ add_days('greatest(old_date, new_date)', 2) }} as last_date
        from (
            select
                (select {{ utc_date(horizon) }} from {{ before }}) as old_date,
                (select {{ utc_date(horizon) }} from {{ after }}) as new_date
        ) as dates
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as spans
    cross join ({{ whole_numbers(404) }}) as numbers
    where
        (numbers.number = 0 or (is_short and {{ add_days('first_date', 'numbers.number') }} <= last_date))
        and exists (
            (select as_of_at, lateness_seconds from {{ before }})
            except distinct
            (select as_of_at, lateness_seconds from {{ after }})
        )
{%- endmacro %}


{#- Pre-hook of `changed_days`: remove what every model of the project has been built up to. -#}
{% macro remove_built_days() -%}
    {%- if execute and is_incremental() -%}
        {%- set models = [] -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
            {%- if node.config.incremental_strategy in ['replace_days', 'append_changes'] -%}
                {%- do models.append(node.name) -%}
            {%- endif -%}
        {%- endfor -%}
        delete from {{ this }}
        where change_number <= (
            select case when count(*) = {{ models | length }} then min(change_number) else 0 end
            from {{ day_record('built_days') }}
            where model_name in ('{{ models | join("', '") }}')
        )
    {%- endif -%}
{%- endmacro %}
