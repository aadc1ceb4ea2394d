{#-
    The calls that a fact has to recompute: those whose newest version is from a load of which the fact has no rows.

    This uses set membership, not `load_id > max(load_id)`, because several machines may load into one warehouse, and
    their load ids need not grow in the order of loading.

    A fact's rows have no load_id while the load is incomplete (interrupted, to be continued), so that its calls are
    computed again. Rows with another rules_fingerprint do not count either: a changed setting, seed or model rebuilds
    the fact in place.

    Calls without rows in a fact are computed in each run if their whole load has none, which costs little and changes
    nothing.
-#}
{% macro changed_calls(target_relation) -%}
    select calls.call_id
    from {{ ref('stg_ccaip__calls') }} as calls
    left join (
        select distinct load_id
        from {{ target_relation }}
        where rules_fingerprint = '{{ rules_fingerprint() }}'
    ) as seen_loads on calls.load_id = seen_loads.load_id
    where seen_loads.load_id is null
{%- endmacro %}


{#- The filter of a fact's query: none in a full build, the changed calls in an incremental one. -#}
{% macro where_call_changed(call_id) -%}
    {{- after_day_records() -}}
    {%- if not execute -%}{%- do ref('stg_ccaip__calls') -%}{%- endif -%}
    {%- if is_increment() -%}
        where {{ call_id }} in ({{ changed_calls(this) }})
    {%- endif -%}
{%- endmacro %}


{#-
    Incremental strategy `replace_calls`: delete every row of the changed calls and of calls that are
    gone, then insert what was computed, both in the materialization's one transaction. Deleting by
    call, not by row key, is what removes the row of an array that shrank or became empty.

    The days of the rows before and after are recorded in `changed_days`: the local dates, and the UTC dates of
    the instant that the config names, `meta: {dated_by: …}`.
-#}
{% macro get_incremental_replace_calls_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set dated_by = config.get('meta').get('dated_by') -%}
    {%- set utc_dates = utc_date(dated_by) if dated_by else 'cast(null as date)' -%}
    {%- set is_replaced -%}
        call_id in ({{ changed_calls(target_relation) }})
        or call_id not in (select calls.call_id from {{ ref('stg_ccaip__calls') }} as calls)
    {%- endset -%}

    {% call record_changed_days() %}
        select
            {{ utc_dates }} as date_utc,
            local_date
        from {{ target_relation }}
        where {{ is_replaced }}

        union distinct

        select
            {{ utc_dates }} as date_utc,
            local_date
        from {{ arg_dict['temp_relation'] }}
    {% endcall %};

    delete from {{ target_relation }}
    where {{ is_replaced }};

    insert into {{ target_relation }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
{%- endmacro %}
