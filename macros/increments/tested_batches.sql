{#
    What the tests of an incremental table have passed: for each of its columns of batch numbers the newest one then. A
    test with `only_untested` looks at the rows of later batches, so a batch that failed, or came with a run that was
    killed before its tests, is tested until it passes, and one that has passed is not tested again.
#}
{% macro tested_batches() -%}
    {{ return(api.Relation.create(database=target.database or none, schema='intermediate', identifier='tested_batches')) }}
{%- endmacro %}

{# On-run-start hook. #}
{% macro prepare_tested_batches() -%}
    {%- if execute -%}
        {%- do adapter.create_schema(tested_batches().without_identifier()) -%}
        create table if not exists {{ tested_batches() }} (
            table_name {{ dbt.type_string() }},
            batch_column {{ dbt.type_string() }},
            batch_number bigint
        )
    {%- endif -%}
{%- endmacro %}

{# For a test: whether a row of the table under test is of a batch that has not passed it. #}
{% macro is_untested() -%}
    {%- set conditions = [] -%}
    {%- if execute -%}
        {%- set tested = graph.nodes[model.attached_node] -%}
        {%- for column in tested.columns if column.endswith('batch_number') -%}
            {#- Written out as a number, which the engine compares with what it knows of each block of rows. -#}
            {%- set passed = run_query('select ' ~ _passed_up_to(tested, column)).rows[0][0] -%}
            {%- do conditions.append(column ~ ' > ' ~ passed) -%}
        {%- endfor -%}
    {%- endif -%}
    ({{ conditions | join(' or ') or 'true' }})
{%- endmacro %}

{# On-run-end hook, with the results of the command. #}
{% macro note_tested_batches(results) -%}
    {%- set passed = results | selectattr('status', 'equalto', 'pass') | map(attribute='node.unique_id') | list -%}
    {%- set notes = [] -%}
    {%- for node in (graph.nodes.values() if execute else []) if node.resource_type == 'model' -%}
        {%- set tests = graph.nodes.values()
            | selectattr('attached_node', 'equalto', node.unique_id)
            | selectattr('test_metadata.kwargs.only_untested', 'equalto', true)
            | map(attribute='unique_id') | list -%}
        {%- if tests and tests | reject('in', passed) | list | length == 0 -%}
            {%- for column in node.columns if column.endswith('batch_number') -%}
                {%- do notes.append(
                    "select '" ~ node.name ~ "', '" ~ column ~ "', max(" ~ column ~ ') from ' ~ node.relation_name
                    ~ ' having max(' ~ column ~ ') > ' ~ _passed_up_to(node, column)
                ) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if notes -%}
        insert into {{ tested_batches() }}
        {{ notes | join(' union all ') }}
    {%- endif -%}
{%- endmacro %}

{% macro _passed_up_to(node, column) -%}
    (
        select coalesce(max(batch_number), 0) from {{ tested_batches() }}
        where table_name = '{{ node.name }}' and batch_column = '{{ column }}'
    )
{%- endmacro %}
