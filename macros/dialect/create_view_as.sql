{#
    DuckDB replaces a view in one statement; dbt would make a new one, rename both and drop the old one. That was a tenth of
    a run with nothing new.
#}
{% materialization view, adapter='duckdb' %}
    {%- set made = create_or_replace_view() -%}
    {%- do persist_docs(made.relations[0], model) -%}
    {%- do adapter.commit() -%}
    {{ return(made) }}
{% endmaterialization %}

{% macro duckdb__create_view_as(relation, sql) -%}
    {{ return(dbt.duckdb__create_view_as(relation, sql) | replace('create view', 'create or replace view', 1)) }}
{%- endmacro %}
