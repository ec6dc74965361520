{# A 64-bit hash of a user in a journey. It may filter rows, it is never an identity. #}
{% macro pair_hash(journey_id, user_id) -%}
    {{ return(adapter.dispatch('pair_hash', 'journey_analytics')(journey_id, user_id)) }}
{%- endmacro %}

{% macro duckdb__pair_hash(journey_id, user_id) -%} hash({{ journey_id }}, {{ user_id }}) {%- endmacro %}

{% macro postgres__pair_hash(journey_id, user_id) -%}
    hashtextextended({{ user_id }}, hashtextextended({{ journey_id }}, 0))
{%- endmacro %}

{% macro spark__pair_hash(journey_id, user_id) -%} xxhash64({{ journey_id }}, {{ user_id }}) {%- endmacro %}
