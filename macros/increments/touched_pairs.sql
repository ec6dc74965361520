{# The users in journeys of whom a table has not yet seen the newest events. #}
{% macro touched_pairs(relation) -%}
    (
        select pair_hash from {{ ref('int_journey_changed_pairs') }}
        where batch_id > {{ processed_up_to(relation) }}
    )
{%- endmacro %}

{# The same for conversions, which also change with what users do and with how a journey is defined. #}
{% macro touched_conversion_pairs(relation) -%}
    (
        select pair_hash from {{ ref('int_journey_changed_pairs') }}
        where batch_id > {{ processed_up_to(relation) }}
        union all
        select pair_hash from {{ ref('int_journey_changed_candidates') }}
        where batch_id > {{ processed_up_to(relation, 'user_batch_id') }}
        union all
        select pair_hash from {{ ref('int_journey_redefined_pairs') }}
        where batch_id > {{ processed_up_to(relation, 'definition_batch_id') }}
    )
{%- endmacro %}

{# Whether a row's user in a journey is rebuilt by this run: in a full build every one is. #}
{% macro is_touched(touched=touched_pairs) -%}
    {#- While dbt parses it must see what the increments refer to. -#}
    {%- if is_incremental() or not execute -%} pair_hash in {{ touched(this) }} {%- else -%} true {%- endif -%}
{%- endmacro %}
