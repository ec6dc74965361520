{#
    Whether a value, never null, is none of those in a column of a relation. DuckDB takes 17 times as long for a
    `not exists`; PostgreSQL is slow beyond use where a `not in` has more rows than its `work_mem` holds, and Spark sends
    all of them to every executor.
#}
{% macro is_none_of(value, relation, column) -%}
    {{ return(adapter.dispatch('is_none_of', 'journey_analytics')(value, relation, column)) }}
{%- endmacro %}

{% macro default__is_none_of(value, relation, column) -%}
    not exists (select 1 from {{ relation }} as others where others.{{ column }} = {{ value }})
{%- endmacro %}

{% macro duckdb__is_none_of(value, relation, column) -%}
    {{ value }} not in (select {{ column }} from {{ relation }})
{%- endmacro %}
