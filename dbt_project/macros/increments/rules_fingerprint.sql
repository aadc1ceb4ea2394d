{#-
    A short hash of everything that decides what a fact's row says besides the raw rows: the seeds,
    the staging and intermediate models, the fact itself and the variables. Kept on every row, so
    that an incremental build can tell rows computed under other rules and replace them; without it
    a changed setting would apply to new calls only, in silence. Seeds in folders of their own decide
    no fact's row.
-#}
{% macro rules_fingerprint() -%}
    {%- if not execute -%}{{ return('') }}{%- endif -%}
    {%- set parts = [] -%}
    {%- for node in graph.get('nodes', {}).values() -%}
        {%- if node.resource_type == 'seed' and node.fqn | length == 2
            or node.fqn[1] in ['staging', 'intermediate']
            or node.unique_id == model.unique_id -%}
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
    {{ return(local_md5(parts | sort | join('|'))[:12]) }}
{%- endmacro %}


{#- The same of the whole project: all seeds, models and variables. What was built under another one is built anew. -#}
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
