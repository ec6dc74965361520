{# dbt's own way to build a table, for a materialization that decides whether to. Gives what a materialization gives. #}
{% macro build_table() -%}
    {{ return(adapter.dispatch('build_table', 'journey_analytics')()) }}
{%- endmacro %}

{% macro default__build_table() -%} {{ return(context['materialization_table_default']()) }} {%- endmacro %}

{% macro duckdb__build_table() -%} {{ return(context['materialization_table_duckdb']()) }} {%- endmacro %}

{% macro spark__build_table() -%} {{ return(context['materialization_table_spark']()) }} {%- endmacro %}
