{#- The additive parts of queue metrics: sums over any grouping. -#}
{% macro queue_parts() -%}
    {{ return([
        'offered', 'answered', 'answered_in_sl', 'abandoned', 'short_abandoned', 'abandoned_in_sl',
        'abandoned_after_target', 'ringing_abandoned', 'flowed_out', 'failed', 'in_progress',
        'vendor_in_sla', 'vendor_not_in_sla', 'wait_seconds', 'answered_wait_seconds',
        'abandoned_wait_seconds', 'flowed_out_wait_seconds', 'failed_wait_seconds',
        'service_level_numerator', 'service_level_denominator',
        'offered_with_target', 'answered_with_target', 'abandoned_with_target', 'short_abandoned_with_target',
    ]) }}
{%- endmacro %}

{#- The parts that are maxima over any grouping. -#}
{% macro queue_maxima() -%}
    {{ return([
        'longest_wait_seconds', 'longest_answered_wait_seconds', 'longest_abandoned_wait_seconds',
        'longest_flowed_out_wait_seconds', 'longest_failed_wait_seconds',
    ]) }}
{%- endmacro %}
