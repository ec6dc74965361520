{# Runs before every dbt command: makes the raw tables of this engine readable as relations of the source `raw`. #}
{% macro prepare_raw_tables() -%}
    {{ return(adapter.dispatch('prepare_raw_tables', 'journey_analytics')()) }}
{%- endmacro %}

{% macro default__prepare_raw_tables() -%} {%- endmacro %}

{#
    DuckDB reads JOURNEY_RAW_PATH in place, through one view per raw table. The view names the files found now, so
    that a file landing in the middle of a run belongs whole to the next one. Its first branch has no rows but every
    documented column: a missing folder is an empty table, a missing optional column null.
#}
{% macro duckdb__prepare_raw_tables() -%}
    {%- set raw_path = env_var('JOURNEY_RAW_PATH', '') -%}
    {%- if execute -%}
        {%- for source in graph.sources.values() | selectattr('source_name', 'equalto', 'raw') -%}
            {%- set relation = api.Relation.create(database=target.database, schema=source.schema, identifier=source.identifier) -%}
            {%- set existing = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
            {%- if raw_path and existing is not none and not existing.is_view -%}
                {%- do adapter.drop_relation(existing) -%}
            {%- elif not raw_path and existing is not none and existing.is_view -%}
                {%- do adapter.drop_relation(existing) -%}
            {%- endif -%}
            {%- if raw_path -%}
                {%- do adapter.create_schema(relation.without_identifier()) -%}
                {%- do run_query(duckdb__raw_view_sql(relation, source.columns.values(), raw_path)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__raw_view_sql(relation, columns, raw_path) -%}
    {#- Brackets and wildcards in a folder's own name are not patterns. -#}
    {%- set folder = modules.re.sub('([\[*?])', '[\\1]', raw_path ~ '/' ~ relation.identifier) -%}
    {%- set found = run_query("select file from glob('" ~ (folder | replace("'", "''")) ~ "/**/*.parquet') order by file") -%}
    create or replace view {{ relation }} as
    select {% for column in columns %}cast(null as {{ column.data_type }}) as {{ column.name }}{{ ', ' if not loop.last }}{% endfor %}
    where false
    {%- if found.rows %}
    union all by name
    select * from read_parquet([
        {%- for row in found.rows %}
        '{{ modules.re.sub('([\[*?])', '[\\1]', row[0]) | replace("'", "''") }}'{{ ',' if not loop.last }}
        {%- endfor %}
    ], union_by_name = true, hive_partitioning = false)
    {%- endif %}
{%- endmacro %}
