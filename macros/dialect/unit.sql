{#
    dbt's materialization of unit tests, under a name of its own: the name of a test is a sentence, and PostgreSQL has
    room for 63 characters.
#}
{% materialization unit, adapter='postgres' %}

    {%- set expected_rows = config.get('expected_rows') -%}
    {%- set relation = this.incorporate(path={'identifier': 'unit_test_' ~ local_md5(this.identifier)}, type='table') -%}
    {%- set relation = make_temp_relation(relation) -%}
    {%- do run_query(get_create_table_as_sql(True, relation, get_empty_subquery_sql(sql))) -%}
    {%- set types, quoted = {}, {} -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do types.update({column.name | lower: column.data_type}) -%}
        {%- do quoted.update({column.name | lower: column.quoted}) -%}
    {%- endfor -%}
    {%- set expected_sql = config.get('expected_sql') or get_expected_sql(expected_rows, types, quoted) -%}
    {%- set columns = [] -%}
    {%- for name in (expected_rows[0] if expected_rows else quoted) -%} {%- do columns.append(quoted[name | lower]) -%} {%- endfor -%}
    {%- call statement('main', fetch_result=True) -%}
        {{ get_unit_test_sql(sql, expected_sql, columns) }}
    {%- endcall -%}
    {%- do adapter.drop_relation(relation) -%}
    {{ return({'relations': []}) }}

{% endmaterialization %}

{# The texts of a unit test are in the order of code points, as those of the tables are; dbt casts nothing else so. #}
{% macro postgres__safe_cast(field, type) -%}
    cast({{ field }} as {{ type }}) {{- ' collate "C"' if type in ('text', 'character varying') }}
{%- endmacro %}
