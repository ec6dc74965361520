{# A 64-bit hash of one text. It may filter rows, it is never an identity: compare the text itself where hashes meet. #}
{% macro hash64(text) -%}
    {{ return(adapter.dispatch('hash64', 'journey_analytics')(text)) }}
{%- endmacro %}

{% macro duckdb__hash64(text) -%} hash({{ text }}) {%- endmacro %}

{% macro postgres__hash64(text) -%} hashtextextended({{ text }}, 0) {%- endmacro %}

{% macro spark__hash64(text) -%} xxhash64({{ text }}) {%- endmacro %}
