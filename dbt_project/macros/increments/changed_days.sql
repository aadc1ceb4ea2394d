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
            {%- if node.config.incremental_strategy in ['replace_calls', 'replace_rows'] -%}
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
    `before` and `after` it included. `column` is an instant where the config, or `kind`, says `date_utc`, else a date. The
    days are literals, so that engines read the parts of a table that hold them, and no others. `partition` is the local date
    by which BigQuery keeps the table in parts, where that is another column.
-#}
{% macro is_day_to_compute(column, before=0, after=0, kind=none, partition=none) -%}
    {{- after_day_records() -}}
    {%- if not is_increment() -%}
        true
    {%- else -%}
        {%- set days = config.get('meta')['days'] -%}
        {{ is_within_spans(column, spans_to_compute(days), kind or days, before, after, partition) }}
    {%- endif -%}
{%- endmacro %}

{% macro is_within_spans(column, spans, kind, before=0, after=0, partition=none) -%}
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
            {%- if kind == 'date_utc' -%}
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
    Incremental strategy `replace_days`: delete the rows of the days to compute, insert what was computed, and record up to
    which change that is. The config names the column that dates a row, and whether it is an instant or a local date:
    `meta: {days: date_utc, dated_by: interval_start_at}`.
-#}
{% macro get_incremental_replace_days_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set meta = config.get('meta') -%}

    {{ replace_in_table(
        target_relation,
        is_within_spans(
            meta['dated_by'], spans_to_compute(meta['days']), meta['days'], meta.get('before', 0), meta.get('after', 0),
            partition=(config.get('partition_by') or {}).get('field')
        ),
        arg_dict['temp_relation'],
        columns
    ) }};

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
    old and the new end of what is final, and between the old and the new instant before which an unfinished call keeps
    nothing provisional. Two days more on either side: intervals end after they begin, and dates begin by local time.
-#}
{% macro days_between_horizons(before, after) -%}
    {%- set horizons = [
        add_seconds('as_of_at', '-1 * lateness_seconds'),
        add_seconds('as_of_at', -var('unfinished_call_hours') * 3600),
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
            {%- if node.config.incremental_strategy == 'replace_days' -%}{%- do models.append(node.name) -%}{%- endif -%}
        {%- endfor -%}
        delete from {{ this }}
        where change_number <= (
            select case when count(*) = {{ models | length }} then min(change_number) else 0 end
            from {{ day_record('built_days') }}
            where model_name in ('{{ models | join("', '") }}')
        )
    {%- endif -%}
{%- endmacro %}
