{# Where dbt's own macros for Spark do not do what this project needs of them. Macros of a project come before dbt's. #}

{#
    Rows of a seed are written out. dbt binds them, and a session of Spark binds a null as the text None and does not
    escape a quote.
#}
{% macro spark__load_csv_rows(model, agate_table) %}
    {%- set types = model.config.column_types -%}
    {%- set sql -%}
        insert into {{ this }} values
        {%- for row in agate_table.rows %}
        (
            {%- for column in agate_table.column_names -%}
                cast(
                {%- if row[column] is none -%} null
                {%- else -%} '{{ row[column] | replace('\\', '\\\\') | replace("'", "\\'") }}'
                {%- endif %} as {{ types[column] }}){{ ', ' if not loop.last }}
            {%- endfor -%}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    {%- endset -%}
    {%- do adapter.add_query(sql, abridge_sql_log=True) -%}
    {{ return(sql) }}
{% endmacro %}

{# The types of contracts are named in the words of DuckDB. #}
{% macro spark__cast(field, type) -%} cast({{ field }} as {{ 'string' if type == 'varchar' else type }}) {%- endmacro %}

{#
    Comments of columns come with the rows: a table made from a view takes over the comments of its columns. Setting them
    afterwards, as dbt does, is a commit for each column in each run.
#}
{% macro spark__get_select_subquery(sql) %}
    {%- set view = model.name ~ '__dbt_commented' -%}
    {%- set columns = model.columns.keys() | list -%}
    {%- call statement('commented') -%}
        create or replace temporary view {{ view }} ({{ get_persist_docs_column_list(model.columns, columns) }}) as
        select {{ columns | join(', ') }} from ({{ sql }}) as selected
    {%- endcall -%}
    select * from {{ view }}
{% endmacro %}

{% macro spark__persist_docs(relation, model, for_relation, for_columns) -%} {%- endmacro %}

{# Values are compared as texts: Python cannot fetch a moment of the first day of the year 1 from a session. #}
{% macro spark__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
    select
        {%- for column in expected_column_names %}
        cast({{ column }} as string) as {{ column }},
        {%- endfor %}
        actual_or_expected
    from ({{ default__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) }})
{%- endmacro %}

{# dbt allows only strategies that it knows itself. #}
{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) %}
    {{ return(raw_strategy) }}
{% endmacro %}

{% macro dbt_spark_get_incremental_sql(strategy, source, target, existing, unique_key, incremental_predicates) %}
    {%- if strategy == 'append' -%}
        {{ get_insert_into_sql(source, target) }}
    {%- elif strategy == 'append_missing' -%}
        {%- set columns = adapter.get_columns_in_relation(target) -%}
        {{ get_incremental_append_missing_sql(
            {'target_relation': target, 'temp_relation': source, 'dest_columns': columns}
        ) }}
    {%- elif strategy == 'delete+insert' -%}
        {%- set keys = [unique_key] if unique_key is string else unique_key -%}
        {{ _replace_rows(target, source, keys, 'select distinct ' ~ keys | join(', ') ~ ' from ' ~ source) }}
    {%- elif strategy == 'rebuild_touched' -%}
        {{ _replace_rows(target, source, ['pair_hash'], touched_pair_hashes()) }}
    {%- else -%}
        {%- do exceptions.raise_compiler_error(
            'On Spark incremental_strategy is append, append_missing, delete+insert or rebuild_touched, not ' ~ strategy ~ '.'
        ) -%}
    {%- endif -%}
{% endmacro %}

{#
    Deletes the stored rows of some keys and inserts the new ones in one statement, because there is no transaction over
    two. The keys that go and the rows that come are the rows of one merge.
#}
{% macro _replace_rows(target, source, keys, keys_that_go) %}
    {%- set columns = adapter.get_columns_in_relation(target) | map(attribute='quoted') | list -%}
    merge into {{ target }} as stored
    using (
        select
            {%- for key in keys %}
            {{ key }} as {{ key }}_that_goes,
            {%- endfor %}
            {%- for column in columns %}
            null as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from ({{ keys_that_go }}) as going

        union all

        select
            {%- for key in keys %}
            null as {{ key }}_that_goes,
            {%- endfor %}
            {{ columns | join(', ') }}
        from {{ source }}
    ) as changes
    on {% for key in keys %}stored.{{ key }} = changes.{{ key }}_that_goes{{ ' and ' if not loop.last }}{% endfor %}
    when matched then delete
    when not matched and changes.{{ keys[0] }}_that_goes is null
        then insert ({{ columns | join(', ') }}) values (changes.{{ columns | join(', changes.') }})
{% endmacro %}

{# Every table that is built whole is built in each run. #}
{% materialization kept_table, adapter='spark' %}
    {{ return(build_table()) }}
{% endmaterialization %}

{% macro spark__prepare_kept_tables() -%} {%- endmacro %}
