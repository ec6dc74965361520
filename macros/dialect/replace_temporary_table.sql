{# Statements that leave a temporary table of this name with the rows of a select, and of nothing else. #}
{% macro replace_temporary_table(name, select) -%}
    {{ return(adapter.dispatch('replace_temporary_table', 'journey_analytics')(name, select)) }}
{%- endmacro %}

{% macro duckdb__replace_temporary_table(name, select) -%}
    create or replace temporary table {{ name }} as
    {{ select }}
{%- endmacro %}

{# The planner has to be told that the rows are few. #}
{% macro postgres__replace_temporary_table(name, select) -%}
    drop table if exists {{ name }};
    create temporary table {{ name }} as
    {{ select }};
    analyze {{ name }}
{%- endmacro %}
