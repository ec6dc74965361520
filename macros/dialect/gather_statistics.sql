{# Hook after a table: tells the engine what is in it now, where the next models need that at once. #}
{% macro gather_statistics() -%}
    {{ return(adapter.dispatch('gather_statistics', 'journey_analytics')()) }}
{%- endmacro %}

{% macro default__gather_statistics() -%} {%- endmacro %}

{# PostgreSQL would look by itself in a minute; until then it takes a table of a million rows for a small one. #}
{% macro postgres__gather_statistics() -%}
    {%- if model.config.materialized != 'view' -%} analyze {{ this }} {%- endif -%}
{%- endmacro %}
