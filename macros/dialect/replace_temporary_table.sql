{# Statements that leave a temporary table of this name with the rows of a select and no others. #}
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

{# Spark has none, but a session can hold the rows of a view. Rows held of a name are not replaced, so the name goes first. #}
{% macro spark__replace_temporary_table(name, select) -%}
    {%- call statement('dropped') -%} drop view if exists {{ name }} {%- endcall -%}
    cache table {{ name }} as
    {{ select }}
{%- endmacro %}
