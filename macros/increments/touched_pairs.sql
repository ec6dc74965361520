{# Selects the users in journeys of whom a table has not yet seen the newest events of the types it is made of. #}
{% macro touched_pairs(relation, event_types) -%}
    select pair_hash from {{ ref('int_journey_changed_pairs') }}
    where
        batch_number > {{ processed_up_to(relation) }}
        and event_type in ('{{ event_types | join("', '") }}')
{%- endmacro %}

{# The same for conversions, which also change with what users do and with how a journey is defined. #}
{% macro touched_conversion_pairs(relation, event_types) -%}
    {{ touched_pairs(relation, event_types) }}
    union
    select pair_hash from {{ ref('int_journey_converting_pairs') }}
    where batch_number > {{ processed_up_to(relation, 'user_batch_number') }}
    union
    select pair_hash from {{ ref('int_journey_redefined_pairs') }}
    where batch_number > {{ processed_up_to(relation, 'definition_batch_number') }}
{%- endmacro %}

{#
    Those of whom conversions are credited anew. Nobody as long as nothing can convert and nothing has: without a row the
    table knows of no batch, and every run would begin with the first one.
#}
{% macro touched_pairs_to_credit(relation, event_types) -%}
    select pair_hash from ({{ touched_conversion_pairs(relation, event_types) }}) as touched
    where
        exists (select 1 from {{ ref('int_journey_converting_pairs') }})
        or exists (select 1 from {{ relation }})
{%- endmacro %}

{#
    Hook before an incremental model: notes whom this run rebuilds, once for what it selects and what it deletes.
    A table, because its size tells the engine to look for few rows among many. Its null row makes `is_touched` a filter
    that leaves something out: only then does DuckDB look for the touched while it scans, and not one join later.
#}
{% macro note_touched(touched, event_types) -%}
    {#- While dbt parses it must see what the increments refer to. -#}
    {%- if is_incremental() or not execute -%}
        {%- set pairs -%}
            select distinct pair_hash from ({{ touched(this, event_types) }}) as touched
            union all
            select null as pair_hash
        {%- endset -%}
        {{ replace_temporary_table(_touched_table(), pairs) }}
    {%- endif -%}
{%- endmacro %}

{# Whether a row's user in a journey is rebuilt by this run: in a full build every one is. #}
{% macro is_touched() -%}
    {%- if is_incremental() -%} pair_hash in ({{ touched_pair_hashes() }}) {%- else -%} true {%- endif -%}
{%- endmacro %}

{% macro touched_pair_hashes() -%} select pair_hash from {{ _touched_table() }} where pair_hash is not null {%- endmacro %}

{% macro _touched_table() -%} touched_by_{{ this.identifier }} {%- endmacro %}
