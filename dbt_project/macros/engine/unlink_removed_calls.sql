{#-
    After `callmart forget --remove-calls` the history keeps the numbers of a removed call, but not its id or the segment's
    id, which contains it. All versions of a segment get the same new id.
-#}
{% macro unlink_removed_calls() -%}
    {{ return(adapter.dispatch('unlink_removed_calls', 'callmart')()) }}
{%- endmacro %}

{% macro default__unlink_removed_calls() -%}
    {{ record_removed_calls() }};

    update {{ this }}
    set
        call_id = null,
        queue_segment_id = removed.new_name
    from ({{ names_of_removed_segments() }}) as removed
    where queue_segment_id = removed.old_name
{%- endmacro %}

{#- The same without a join in the update, which not everything that speaks BigQuery's SQL knows. -#}
{% macro bigquery__unlink_removed_calls() -%}
    {{ record_removed_calls() }};

    create or replace temp table {{ this.identifier }}__removed as
    select
        versions.* replace (cast(null as int64) as call_id, removed.new_name as queue_segment_id),
        removed.old_name
    from {{ this }} as versions
    inner join ({{ names_of_removed_segments() }}) as removed on versions.queue_segment_id = removed.old_name;

    begin transaction;

    delete from {{ this }}
    where queue_segment_id in (select old_name from {{ this.identifier }}__removed);

    insert into {{ this }}
    select * except (old_name)
    from {{ this.identifier }}__removed;

    commit transaction
{%- endmacro %}


{% macro names_of_removed_segments() -%}
    select
        queue_segment_id as old_name,
        'removed-'
        || {{ as_text(
            'row_number() over (order by queue_segment_id)'
            ~ ' + (select count(distinct queue_segment_id) from ' ~ this ~ ' where call_id is null)'
        ) }} as new_name
    from {{ this }}
    where call_id in ({{ removed_calls() }})
    group by queue_segment_id
{%- endmacro %}


{#- Published calls that are gone. Each of their segments has just got a version that says so, which few others have. -#}
{% macro removed_calls() -%}
    {%- set candidates -%}
        select call_id
        from {{ this }}
        where is_removed and call_id is not null
    {%- endset -%}
    {{ candidates }}
    except distinct
    select call_id
    from {{ ref('fct_calls') }}
    where call_id in ({{ candidates }})
{%- endmacro %}


{#- What the marts say of these calls changes with their ids, on all days of their segments. -#}
{% macro record_removed_calls() -%}
    {% call record_changed_days() %}
        select distinct
            {{ utc_date('interval_start_at') }} as date_utc,
            cast(null as date) as local_date
        from {{ this }}
        where call_id in ({{ removed_calls() }})
    {% endcall %}
{%- endmacro %}
