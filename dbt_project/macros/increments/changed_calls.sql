{#-
    Which calls changed, and up to which change each fact was built.

    `changed_calls` lists a call under a growing number when a load brought a new version of it, or when it is gone. A load
    counts as listed (`listed_loads`) once it has landed whole; until then its calls are listed in each run. This uses set
    membership, not `load_id > max(load_id)`, because several machines may load into one warehouse, and their load ids need
    not grow in the order of loading.

    The steps below the facts (config `meta: {work_set: true}`) are tables that hold the listed calls only, or every call if
    a fact needs them. A fact, a model with the strategy `replace_calls`, replaces the calls that were listed since it was
    last built. `built_calls` stores the number up to which each step and each fact was built, in the transaction that builds
    it. So after a failed run the next one continues from there, and a fact that is built alone takes what its steps hold.

    A fact has to compute every call when it was never built, when its rules have changed (rules_fingerprint), and in a full
    refresh.
-#}

{#- One of the tables. Without `ref`, because hooks and strategies of many models use it. -#}
{% macro call_record(name) -%}
    {{ return(api.Relation.create(database=this.database, schema='intermediate', identifier=name)) }}
{%- endmacro %}


{#- The facts that are computed by call, as nodes of the graph. -#}
{% macro facts_by_call() -%}
    {%- set facts = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
        {%- if node.config.incremental_strategy == 'replace_calls' -%}{%- do facts.append(node) -%}{%- endif -%}
    {%- endfor -%}
    {{ return(facts) }}
{%- endmacro %}


{#- The table of a node, none if it does not exist yet. -#}
{% macro existing_table(node) -%}
    {{ return(load_relation(api.Relation.create(
        database=node.database, schema=node.schema, identifier=node.alias
    ))) }}
{%- endmacro %}


{#- The newest number that was given to a change; removed entries count, because facts were built up to them. -#}
{% macro newest_change_of_calls() -%}
    {%- set numbers = [0] -%}
    {%- if execute and this is not none -%}
        {%- for name in ['changed_calls', 'built_calls'] if load_relation(call_record(name)) is not none -%}
            {%- do numbers.append(run_query(
                'select coalesce(max(change_number), 0) from ' ~ call_record(name)
            ).columns[0].values()[0] | int) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(numbers | max) }}
{%- endmacro %}


{#- fct_calls, which tells an increment of `changed_calls` which calls are gone; none if that is unknown. -#}
{% macro table_of_known_calls() -%}
    {%- if is_increment() -%}
        {%- for node in facts_by_call() if node.name == 'fct_calls' -%}
            {{ return(existing_table(node)) }}
        {%- endfor -%}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}


{#-
    Pre-hook of `changed_calls`. The records of facts that have to compute every call do not count any more: in a full
    refresh those that are selected; all when what changed is unknown, because list or fct_calls are missing. Then the loads
    that have landed are noted under the number that their calls get, before the calls are read: a load that lands in between
    is noted next time.
-#}
{% macro before_calls_are_listed() -%}
    {%- if execute -%}
        {%- set to_compute = [] -%}
        {%- set is_unknown = table_of_known_calls() is none -%}
        {%- for node in facts_by_call() -%}
            {%- if is_unknown or existing_table(node) is none
                or flags.FULL_REFRESH and node.unique_id in selected_resources -%}
                {%- do to_compute.append(node.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if to_compute -%}
            {{ forget_built_calls(to_compute) }};
        {%- endif %}

        insert into {{ call_record('listed_loads') }} (load_id, change_number)
        select
            loads.load_id,
            {{ newest_change_of_calls() + (0 if is_unknown else 1) }}
        from {{ ref('stg_ccaip__loads') }} as loads
        left join {{ call_record('listed_loads') }} as listed_loads on loads.load_id = listed_loads.load_id
        where
            loads.status = 0
            and listed_loads.load_id is null
    {%- endif -%}
{%- endmacro %}


{#- Incremental strategy of `changed_calls`: a call that is listed again gets the new number, and what all facts have goes. -#}
{% macro get_incremental_list_calls_sql(arg_dict) -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set facts = facts_by_call() | map(attribute='name') | list -%}
    {{ replace_in_table(
        arg_dict['target_relation'],
        'call_id in (select call_id from ' ~ arg_dict['temp_relation'] ~ ')',
        arg_dict['temp_relation'],
        columns
    ) }};

    delete from {{ arg_dict['target_relation'] }}
    where change_number <= (
        select min(change_number)
        from {{ call_record('built_calls') }}
        where
            model_name in ('{{ facts | join("', '") }}')
            and rules_fingerprint is not null
    )
{%- endmacro %}


{#- The records that were made under the present rules: {name of the model: {number, is_complete}}. -#}
{% macro built_calls_in_force() -%}
    {%- set found = {} -%}
    {%- if load_relation(call_record('built_calls')) is not none -%}
        {%- set shared = shared_rules_fingerprint() -%}
        {%- for name, number, fingerprint, is_complete in run_query(
            'select model_name, change_number, rules_fingerprint, is_complete from ' ~ call_record('built_calls')
        ).rows -%}
            {%- set node = graph.nodes.get('model.' ~ model.package_name ~ '.' ~ name) -%}
            {%- if node and fingerprint == fingerprint_with(shared, node) -%}
                {%- do found.update({name: {'number': number | int, 'is_complete': is_complete}}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}


{#- Whether a fact of this run has to compute every call, so that the steps have to hold them. -#}
{% macro is_every_call_needed() -%}
    {%- set built = built_calls_in_force() -%}
    {%- for node in facts_by_call() if node.unique_id in selected_resources and node.name not in built -%}
        {{ return(true) }}
    {%- endfor -%}
    {{ return(flags.FULL_REFRESH) }}
{%- endmacro %}


{#- The filter of a step on raw rows: true in a build of every call and in a unit test. -#}
{% macro is_call_to_compute(call_id) -%}
    {%- if not execute -%}{%- do ref('changed_calls') -%}{%- endif -%}
    {%- if not execute or this is none or is_every_call_needed() -%}
        true
    {%- else -%}
        {{ call_id }} in (select changed_calls.call_id from {{ call_record('changed_calls') }} as changed_calls)
    {%- endif -%}
{%- endmacro %}


{#-
    What the steps that this model is computed from hold: {number, is_complete}, the calls listed up to the number, and
    whether every call; none if one of them was built under other rules.
-#}
{% macro held_by_steps() -%}
    {%- set built = built_calls_in_force() -%}
    {%- set held = {'number': newest_change_of_calls(), 'is_complete': true} -%}
    {%- set seen = [] -%}
    {%- set ways = model.depends_on.nodes | list -%}
    {%- for _ in range(1000) if ways -%}
        {%- set node = graph.nodes.get(ways.pop()) -%}
        {%- if node and node.resource_type == 'model' and node.name not in seen -%}
            {%- do seen.append(node.name) -%}
            {%- if not node.config.meta.get('work_set') -%}
                {%- do ways.extend(node.depends_on.nodes) -%}
            {%- elif node.name in built -%}
                {%- set step = built[node.name] -%}
                {%- do held.update({
                    'number': [held.number, step.number] | min,
                    'is_complete': held.is_complete and step.is_complete,
                }) -%}
            {%- else -%}
                {{ return(none) }}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(held) }}
{%- endmacro %}


{#- The query of the calls that this fact has to replace; none if every call. -#}
{% macro calls_to_replace() -%}
    {%- set built = built_calls_in_force().get(this.identifier) -%}
    {%- set held = held_by_steps() -%}
    {%- if built and held -%}
        {{ return(
            'select call_id from ' ~ call_record('changed_calls') ~ ' where change_number > ' ~ built.number
            ~ ' and change_number <= ' ~ held.number
        ) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}


{#- The filter of a fact's query: none where it computes every call, else the calls to replace. -#}
{% macro where_call_changed(call_id) -%}
    {{- after_day_records() -}}
    {%- if is_increment() -%}
        {%- set calls = calls_to_replace() -%}
        {%- if calls is not none -%}
            where {{ call_id }} in ({{ calls }})
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#-
    Pre-hook of a fact: it must not compute every call from steps that hold only some, or were built before the newest
    change was listed, for the list does not keep entries for it.
-#}
{% macro require_calls_of_steps() -%}
    {%- set held = held_by_steps() -%}
    {%- set is_every_call = not is_incremental() or this.identifier not in built_calls_in_force() -%}
    {%- if not held or is_every_call and not (held.is_complete and held.number == newest_change_of_calls()) -%}
        {{ exceptions.raise_compiler_error(
            this.identifier ~ ' has to be computed for every call, but the steps it is computed from hold those of another'
            ~ ' build. Build them with it: --select +' ~ this.identifier
        ) }}
    {%- endif -%}
{%- endmacro %}


{#- Record what this step or fact was built up to. -#}
{% macro record_built_calls() -%}
    {%- set built_calls = call_record('built_calls') -%}
    {%- set held = held_by_steps() -%}
    {%- if not held -%}
        {{ forget_built_calls([this.identifier]) }}
    {%- else -%}
        {%- set is_complete = held.is_complete and is_every_call_needed() %}
        delete from {{ built_calls }} where model_name = '{{ this.identifier }}';

        insert into {{ built_calls }} (model_name, change_number, rules_fingerprint, is_complete)
        select
            '{{ this.identifier }}',
            {{ held.number }},
            '{{ rules_fingerprint() }}',
            {{ is_complete | lower }}
    {%- endif -%}
{%- endmacro %}

{#- The records of these models do not count any more. -#}
{% macro forget_built_calls(names) -%}
    update {{ call_record('built_calls') }} set rules_fingerprint = null
    where model_name in ('{{ names | join("', '") }}')
{%- endmacro %}


{#-
    Incremental strategy `replace_calls`: delete every row of the calls to replace, then insert what was computed, both in
    the materialization's one transaction. Deleting by call, not by row key, is what removes the row of an array that shrank
    or became empty, and the rows of calls that are gone.

    The days of the rows before and after are recorded in `changed_days`: the local dates, and the UTC dates of
    the instant that the config names, `meta: {dated_by: …}`.
-#}
{% macro get_incremental_replace_calls_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set dated_by = config.get('meta').get('dated_by') -%}
    {%- set utc_dates = utc_date(dated_by) if dated_by else 'cast(null as date)' -%}
    {%- set calls = calls_to_replace() -%}
    {%- if calls is none -%}
        {%- set statements, is_replaced = '', 'true' -%}
        {%- set record = record_every_day() -%}
    {%- else -%}
        {%- set statements, is_replaced = rows_of_calls(target_relation, calls) -%}
        {%- set record -%}
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
            {% endcall %}
        {%- endset -%}
    {%- endif -%}

    {{ statements }}

    {{ replace_in_table(target_relation, is_replaced, arg_dict['temp_relation'], columns, record) }};

    {{ record_built_in_transaction() }}
{%- endmacro %}
