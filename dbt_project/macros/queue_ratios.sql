{#-
    The service levels, from the parts: the governed one, then every common formula by name. Segments without a target
    are in none of them, because it is unknown whether they were in time.
-#}
{% macro service_level_ratios() -%}
    {{ safe_ratio('service_level_numerator', 'service_level_denominator') }} as service_level,
    {{ safe_ratio('answered_in_sl', 'answered_with_target + abandoned_with_target - short_abandoned_with_target') }}
        as service_level_excl_short_abandons,
    {{ safe_ratio('answered_in_sl', 'answered_with_target + abandoned_with_target') }}
        as service_level_incl_short_abandons,
    {{ safe_ratio('answered_in_sl', 'offered_with_target') }} as service_level_offered,
    {{ safe_ratio('answered_in_sl', 'answered_with_target + abandoned_after_target') }}
        as service_level_abandons_ignored,
    {{ safe_ratio(
        'answered_in_sl + abandoned_in_sl',
        'answered_with_target + abandoned_with_target - short_abandoned_with_target'
    ) }} as service_level_abandons_positive,
    {{ safe_ratio('answered_in_sl', 'answered_with_target') }} as service_level_answered_only,
    {{ safe_ratio('vendor_in_sla', 'vendor_in_sla + vendor_not_in_sla') }} as service_level_vendor
{%- endmacro %}


{#- The ratios of abandonment and waiting, from the parts. -#}
{% macro abandonment_ratios() -%}
    {{ safe_ratio('abandoned - short_abandoned', 'offered - short_abandoned') }} as abandonment_rate,
    {{ safe_ratio('abandoned', 'offered') }} as abandonment_rate_gross,
    {{ safe_ratio('abandoned - short_abandoned', 'answered + abandoned - short_abandoned') }}
        as abandonment_rate_vendor,
    {{ safe_ratio('short_abandoned', 'offered') }} as short_abandonment_rate,
    {{ safe_ratio('answered_wait_seconds', 'answered') }} as average_speed_of_answer,
    {{ safe_ratio('wait_seconds', 'offered') }} as average_queue_time,
    {{ safe_ratio('abandoned_wait_seconds', 'abandoned') }} as average_abandon_time
{%- endmacro %}


{#-
    Whether the governed service level reached the target percentage; NULL without offered segments that have a target.
    In whole numbers, because as a double 29 of 100 is less than 29 percent.
-#}
{% macro is_target_met() -%}
    case
        when (offered_with_target > 0 or service_level_denominator > 0) and target_percent is not null
            then service_level_denominator > 0
                and service_level_numerator * 100 >= target_percent * service_level_denominator
    end
{%- endmacro %}
