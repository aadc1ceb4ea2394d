{#-
    A short hash of everything a fact's row depends on besides the raw rows: seeds, staging and intermediate models, the
    fact itself and the variables. Every row has it, so that an incremental build can replace rows computed with other
    rules. Without it a changed setting would silently apply to new calls only. Seeds in subfolders do not affect facts.
-#}
{% macro rules_fingerprint() -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {{ return(fingerprint_with(shared_rules_fingerprint(), model)) }}
{%- endmacro %}

{% macro fingerprint_with(shared, node) -%}
    {{ return(local_md5(shared ~ node.unique_id ~ '=' ~ node.checksum.checksum)[:12]) }}
{%- endmacro %}

{#- The part of it that all facts share. -#}
{% macro shared_rules_fingerprint() -%}
    {%- set parts = [] -%}
    {%- for node in graph.get('nodes', {}).values() -%}
        {%- if node.resource_type == 'seed' and node.fqn | length == 2
            or node.fqn[1] in ['staging', 'intermediate'] -%}
            {%- if node.resource_type in ['seed', 'model'] -%}
                {%- do parts.append(node.unique_id ~ '=' ~ node.checksum.checksum) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in [
        'reporting_timezone', 'base_interval_minutes', 'short_call_seconds', 'service_level_what_if',
    ] -%}
        {%- do parts.append(name ~ '=' ~ var(name)) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | sort | join('|'))) }}
{%- endmacro %}


{#- The same for the whole project: all seeds, models and variables. When it changes, models are rebuilt. -#}
{% macro project_fingerprint() -%}
    {%- set parts = [] -%}
    {%- for node in graph.get('nodes', {}).values() if node.resource_type in ['seed', 'model'] -%}
        {%- do parts.append(node.unique_id ~ '=' ~ node.checksum.checksum) -%}
    {%- endfor -%}
    {%- for name in [
        'reporting_timezone', 'base_interval_minutes', 'report_interval_minutes', 'short_call_seconds',
        'service_level_what_if', 'lateness_floor_minutes', 'unfinished_call_hours',
    ] -%}
        {%- do parts.append(name ~ '=' ~ var(name)) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | sort | join('|'))[:12]) }}
{%- endmacro %}
