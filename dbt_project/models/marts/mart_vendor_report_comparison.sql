{%- set metrics = ['offered', 'answered', 'in_sla', 'not_in_sla', 'abandoned'] -%}
with

reported as (

    {% for metric in metrics -%}
        select
            report_date,
            queue_id,
            '{{ metric }}' as metric,
            {{ metric }} as vendor_value
        from {{ ref('vendor_daily_report') }}
        where {{ metric }} is not null
        {% if not loop.last -%}
            union all
        {% endif -%}
    {% endfor %}
),

ours as (

    {% for metric in metrics -%}
        select
            report_date,
            queue_id,
            zone_rule,
            moment_rule,
            leg_rule,
            short_rule,
            verdict_rule,
            rules_changed,
            '{{ metric }}' as metric,
            {{ metric }} as our_value
        from {{ ref('int_vendor_report_variants') }}
        {% if not loop.last -%}
            union all
        {% endif -%}
    {% endfor %}
),

compared as (

    select
        reported.report_date,
        reported.queue_id,
        reported.metric,
        reported.vendor_value,
        ours.our_value,
        ours.zone_rule,
        ours.moment_rule,
        ours.leg_rule,
        ours.short_rule,
        ours.verdict_rule,
        ours.rules_changed,
        coalesce(reported.vendor_value = ours.our_value, false) as is_equal
    from reported
    left join ours
        on
            reported.report_date = ours.report_date
            and reported.queue_id = ours.queue_id
            and reported.metric = ours.metric

),

-- A single figure can match by chance: the combination that explains most figures of the queue's day is more likely.
weighed as (

    select
        *,
        {{ count_where('is_equal') }} over (
            partition by report_date, queue_id, zone_rule, moment_rule, leg_rule, short_rule, verdict_rule
        ) as figures_explained
    from compared

),

ranked as (

    select
        *,
        row_number() over (
            partition by report_date, queue_id, metric
            order by
                case when is_equal then 0 else 1 end asc,
                case when is_equal and rules_changed = 0 then 0 else 1 end asc,
                figures_explained desc,
                rules_changed asc,
                zone_rule asc,
                moment_rule asc,
                leg_rule asc,
                short_rule asc,
                verdict_rule asc
        ) as likeliest_order,
        max(case when rules_changed = 0 then our_value end) over (
            partition by report_date, queue_id, metric
        ) as our_own_value
    from weighed

)

select
    ranked.report_date,
    ranked.queue_id,
    coalesce(queues.queue_name, {{ as_text('ranked.queue_id') }}) as queue_name,
    ranked.metric,
    ranked.vendor_value,
    coalesce(ranked.our_own_value, 0) as our_value,
    ranked.vendor_value - coalesce(ranked.our_own_value, 0) as difference,
    case
        when ranked.vendor_value = coalesce(ranked.our_own_value, 0) then 'none'
        when not ranked.is_equal then 'unexplained'
        else
            substring(
                case ranked.zone_rule when 1 then ', zone (UTC)' when 2 then ', zone (reporting)' else '' end
                || case when ranked.moment_rule = 1 then ', interval (by answer)' else '' end
                || case when ranked.leg_rule = 1 then ', transfers (first legs only)' else '' end
                || case when ranked.short_rule = 1 then ', short abandons' else '' end
                || case when ranked.verdict_rule = 1 then ', verdicts (the vendor''s)' else '' end,
                3
            )
    end as likely_cause
from ranked
left join {{ ref('dim_queues') }} as queues on ranked.queue_id = queues.queue_id
where ranked.likeliest_order = 1
