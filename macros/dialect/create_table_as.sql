{#
    How dbt makes a table on DuckDB, with the columns that a model names in `meta.uncompressed` stored as they are.
    Ids are many and short: compressing them takes a seventh of a full refresh, and looking one up that is compressed three
    to seven times as long. Other engines do not choose by column.
#}
{% macro duckdb__create_table_as(
    temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none
) -%}
    {%- set uncompressed = config.get('meta', {}).get('uncompressed', []) -%}
    {%- if temporary or not uncompressed -%}
        {{ return(dbt.duckdb__create_table_as(
            temporary, relation, compiled_code, language, partitioned_by, sorted_by
        )) }}
    {%- endif -%}
    create table {{ relation }} (
        {%- for column in run_query('describe ' ~ compiled_code).rows %}
        {{ column['column_name'] }} {{ column['column_type'] }}
        {{- ' using compression uncompressed' if column['column_name'] in uncompressed }}{{ ',' if not loop.last }}
        {%- endfor %}
    );
    insert into {{ relation }}
    {{ compiled_code }}
{%- endmacro %}
