{#
    Materialization `kept_table`: a table that stays as it is while nothing it is made of has changed, so that a run with
    nothing new costs the same at any size. `--full-refresh` builds it in any case.
#}
{% materialization kept_table, default %}

    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set made_of = what_it_is_made_of() -%}

    {%- if existing_relation.is_table and not should_full_refresh() and noted_as_made_of(this.identifier) == made_of -%}
        {%- call noop_statement('main', 'KEPT', 'KEPT', 0) -%} -- Nothing it is made of has changed. {%- endcall -%}
        {{ return({'relations': [existing_relation]}) }}
    {%- endif -%}

    {#- The note goes before the table changes and comes back after it has: a killed run leaves none, never a wrong one. -#}
    {%- do run_query('delete from ' ~ kept_tables() ~ " where table_name = '" ~ this.identifier ~ "'") -%}
    {%- set built = build_table() -%}
    {%- do run_query('insert into ' ~ kept_tables() ~ " values ('" ~ this.identifier ~ "', '" ~ made_of ~ "')") -%}
    {{ return(built) }}

{% endmaterialization %}

{#
    What decides the rows of this model, as one short text: its own file, those of the views it reads, and the state of the
    tables behind them - the rows and batches of an incremental one, and what a kept one was made of in turn.
#}
{% macro what_it_is_made_of() -%}
    {%- set parts = [this.schema, compiled_code, model.description, model.columns | string] -%}
    {%- set node_ids = [model.unique_id] -%}
    {%- for node_id in node_ids if node_id in graph.nodes -%}
        {%- set node = graph.nodes[node_id] -%}
        {%- do parts.append(node.checksum.checksum) -%}
        {%- if node_id != model.unique_id and node.config.materialized == 'kept_table' -%}
            {%- do parts.append(noted_as_made_of(node.name)) -%}
        {%- elif node.config.materialized == 'incremental' -%}
            {%- set state = ['count(*)'] -%}
            {%- for column in node.columns if column.endswith('batch_number') -%}
                {%- do state.append('max(' ~ column ~ ')') -%}
            {%- endfor -%}
            {%- set row = run_query('select ' ~ state | join(', ') ~ ' from ' ~ node.relation_name).rows[0] -%}
            {%- do parts.append(row.values() | join(' ')) -%}
        {%- else -%}
            {%- do node_ids.extend(node.depends_on.nodes | reject('in', node_ids)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(local_md5(tojson(parts))) }}
{%- endmacro %}

{# The one table that holds the notes. #}
{% macro kept_tables() -%}
    {{ return(api.Relation.create(database=target.database, schema='intermediate', identifier='kept_tables')) }}
{%- endmacro %}

{# What a kept table was made of when it was last built; nothing when it has not been, or not to the end. #}
{% macro noted_as_made_of(table_name) -%}
    {%- set note = 'select made_of from ' ~ kept_tables() ~ " where table_name = '" ~ table_name ~ "'" -%}
    {{ return(run_query(note).columns[0].values() | first) }}
{%- endmacro %}

{# On-run-start hook, so that models built side by side find the table of the notes in place. #}
{% macro prepare_kept_tables() -%}
    {{ return(adapter.dispatch('prepare_kept_tables', 'journey_analytics')()) }}
{%- endmacro %}

{% macro default__prepare_kept_tables() -%}
    {%- if execute -%}
        {%- do adapter.create_schema(kept_tables().without_identifier()) -%}
        {%- do run_query('create table if not exists ' ~ kept_tables() ~ ' (table_name varchar, made_of varchar)') -%}
    {%- endif -%}
{%- endmacro %}
