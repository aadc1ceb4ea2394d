-- Our figures for the reported queues under every combination of the rules in which reports differ: time zone of the
-- day, entry or end of the wait, all legs or only the first, with or without short abandons, and whose verdict decides
-- the service level. 0 is our rule.
with

reported_queues as (

    select
        queue_id,
        min(report_date) as first_date,
        max(report_date) as last_date
    from {{ ref('vendor_daily_report') }}
    group by 1

),

segments as (

    select
        segments.queue_id,
        segments.entered_queue_at,
        coalesce(segments.left_queue_at, segments.entered_queue_at) as left_queue_at,
        case when segments.transfer_id is null then 0 else 1 end as leg_place,
        segments.outcome = 'answered' as is_answered,
        segments.outcome = 'abandoned' as is_abandoned,
        segments.is_short_abandon,
        segments.is_answered_in_sl,
        segments.is_vendor_in_sla,
        segments.is_vendor_not_in_sla,
        reported_queues.first_date,
        reported_queues.last_date,
        queues.reporting_timezone
    from {{ ref('fct_queue_segments') }} as segments
    inner join reported_queues on segments.queue_id = reported_queues.queue_id
    inner join {{ ref('dim_queues') }} as queues on segments.queue_id = queues.queue_id
    where
        segments.is_offered
        -- In any zone a date is that of UTC or a neighbour.
        and {{ utc_date('segments.entered_queue_at') }} <= {{ add_days('reported_queues.last_date', 1) }}
        and {{ utc_date('coalesce(segments.left_queue_at, segments.entered_queue_at)') }}
        >= {{ add_days('reported_queues.first_date', -1) }}

),

switch as (

    {{ whole_numbers(1) }}

),

-- The queue's own zone, UTC, and the default zone if the queue has its own.
zones as (

    {{ whole_numbers(2) }}

),

dated as (

    select
        segments.*,
        zones.number as zone_rule,
        moments.number as moment_rule,
        cast(
            {{ to_local(
                'case when moments.number = 0 then segments.entered_queue_at else segments.left_queue_at end',
                "case zones.number when 0 then segments.reporting_timezone when 1 then 'UTC' else '"
                ~ var('reporting_timezone') ~ "' end"
            ) }} as date
        ) as report_date
    from segments
    cross join zones
    cross join switch as moments

),

counted as (

    select
        dated.*,
        legs.number as leg_rule,
        shorts.number as short_rule,
        verdicts.number as verdict_rule,
        case when verdicts.number = 0 then dated.is_answered_in_sl else dated.is_vendor_in_sla end as is_in_sla,
        case
            when verdicts.number = 1 then dated.is_vendor_not_in_sla
            when dated.is_short_abandon then shorts.number = 1
            else (dated.is_answered or dated.is_abandoned) and not dated.is_answered_in_sl
        end as is_not_in_sla
    from dated
    cross join switch as legs
    cross join switch as shorts
    cross join switch as verdicts
    where
        dated.report_date between dated.first_date and dated.last_date
        and (legs.number = 0 or dated.leg_place = 0)

)

select
    queue_id,
    report_date,
    zone_rule,
    moment_rule,
    leg_rule,
    short_rule,
    verdict_rule,
    case when zone_rule = 0 then 0 else 1 end + moment_rule + leg_rule + short_rule + verdict_rule as rules_changed,
    {{ count_where('short_rule = 0 or not is_short_abandon') }} as offered,
    {{ count_where('is_answered') }} as answered,
    {{ count_where('is_in_sla') }} as in_sla,
    {{ count_where('is_not_in_sla') }} as not_in_sla,
    {{ count_where('is_abandoned and (short_rule = 1 or not is_short_abandon)') }} as abandoned
from counted
group by 1, 2, 3, 4, 5, 6, 7
