{# On-run-start hook: makes the raw tables of this engine readable as relations of the source `raw`. #}
{% macro prepare_raw_tables() -%}
    {{ return(adapter.dispatch('prepare_raw_tables', 'journey_analytics')()) }}
{%- endmacro %}

{% macro default__prepare_raw_tables() -%} {%- endmacro %}

{#
    PostgreSQL reads what scripts/load_raw.py has loaded, and the sample must not take its place. Tables of somebody's own
    may hold times of a type that is read in the time zone of the session.
#}
{% macro postgres__prepare_raw_tables() -%}
    {%- if execute and var('raw_schema') != 'raw' -%}
        {%- set zone, role = run_query("select current_setting('TimeZone'), current_user").rows[0].values() -%}
        {%- if zone not in ('UTC', 'Etc/UTC', 'GMT') -%}
            {%- do exceptions.raise_compiler_error(
                'Times of tables of your own would be read in the time zone ' ~ zone
                ~ ': run `alter role "' ~ role ~ '" set timezone = \'UTC\'`.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {%- if execute and reads_sample() and adapter.get_relation(target.database, 'raw', 'loaded_files') is not none -%}
        {%- do exceptions.raise_compiler_error(
            'Schema raw holds loaded files: set JOURNEY_RAW_PATH, or the sample would take their place.'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#
    Spark computes a view in the time zone of its own process, whatever the session says, so it must be UTC. And what
    scripts/load_raw.py has loaded must not be replaced by the sample.
#}
{% macro spark__prepare_raw_tables() -%}
    {%- if execute -%}
        {%- set zone = run_query("select reflect('java.time.ZoneId', 'systemDefault')").columns[0].values() | first -%}
        {%- if zone not in ('UTC', 'Etc/UTC', 'GMT', 'Z') -%}
            {%- do exceptions.raise_compiler_error(
                'Spark runs in the time zone ' ~ zone ~ ': start it with -Duser.timezone=UTC in spark.driver.extraJavaOptions.'
            ) -%}
        {%- endif -%}
        {%- if reads_sample() and adapter.get_relation(none, 'raw', 'loaded_files') is not none -%}
            {%- do exceptions.raise_compiler_error(
                'Schema raw holds loaded files: set JOURNEY_RAW_PATH, or the sample would take their place.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#
    DuckDB reads JOURNEY_RAW_PATH in place, through one view per raw table. The view names the files found now, so that
    a file landing in the middle of a run belongs whole to the next one. It has exactly the documented columns in their
    documented types: a missing folder is an empty table, a missing optional column null, an unknown column left out.
#}
{% macro duckdb__prepare_raw_tables() -%}
    {%- set raw_path = env_var('JOURNEY_RAW_PATH', '') -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {#- No pattern of DuckDB finds such a folder, and what is not found would be an empty table. -#}
        {%- if '\\' in raw_path -%}
            {%- do exceptions.raise_compiler_error('JOURNEY_RAW_PATH has a backslash in it: rename the folder.') -%}
        {%- endif -%}
        {%- for source in graph.sources.values() | selectattr('source_name', 'equalto', 'raw') -%}
            {%- set relation = api.Relation.create(
                database=target.database, schema=source.schema, identifier=source.identifier
            ) -%}
            {%- set existing = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
            {%- if raw_path and source.schema != 'raw' and existing is not none and not _is_view_of_files(existing) -%}
                {%- do exceptions.raise_compiler_error(
                    'Schema ' ~ source.schema ~ ' holds tables of your own: leave out JOURNEY_RAW_PATH or var raw_schema.'
                ) -%}
            {%- endif -%}
            {#- A view left by a run on files, or a table left by the sample, would be in the way of the other. -#}
            {%- set in_the_way = raw_path and not existing.is_view or reads_sample() and existing.is_view -%}
            {%- if existing is not none and in_the_way -%}
                {%- if not flags.FULL_REFRESH and adapter.get_relation(target.database, 'intermediate', 'int_journeys') -%}
                    {%- do exceptions.raise_compiler_error(
                        'This database was built from ' ~ ('the sample' if raw_path else 'files of JOURNEY_RAW_PATH')
                        ~ ': name another one in JOURNEY_DUCKDB_PATH, or run once with --full-refresh.'
                    ) -%}
                {%- endif -%}
                {%- do adapter.drop_relation(existing) -%}
            {%- endif -%}
            {%- if raw_path -%}
                {%- set pattern = _file_name(raw_path ~ '/' ~ relation.identifier) ~ '/**/*.parquet' -%}
                {%- set files = run_query("select file from glob('" ~ pattern ~ "') order by file").columns[0].values() -%}
                {%- do found.extend(files) -%}
                {%- do adapter.create_schema(relation.without_identifier()) -%}
                {%- do run_query(_raw_view(relation, source.columns.values(), files)) -%}
            {%- endif -%}
        {%- endfor -%}
        {#- Nothing may have landed yet; but a folder that does not exist looks the same from here. -#}
        {%- if raw_path and not found -%}
            {%- do exceptions.warn('JOURNEY_RAW_PATH has no folder of a raw table with a Parquet file: is it right? ' ~ raw_path) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro _raw_view(relation, columns, files) -%}
    {%- set selects = [] -%}
    {#- In one reading a value would be cast to the type of all, and its text would change when another file lands. -#}
    {%- for _, alike in _types_of_files(files, columns) | groupby('column_types') -%}
        {%- set rows -%}
            read_parquet(
                {{ _file_list(alike | map(attribute='file_name')) }}, union_by_name = true, hive_partitioning = false
            )
        {%- endset -%}
        {%- set delivered = {} -%}
        {%- for column in run_query('describe select * from ' ~ rows).rows -%}
            {%- do delivered.update({column['column_name'] | lower: column['column_type']}) -%}
        {%- endfor -%}
        {%- do selects.append(_raw_columns(columns, delivered) ~ ' from ' ~ rows) -%}
    {%- endfor -%}
    create or replace view {{ relation }} as
    {{ (selects or [_raw_columns(columns, {}) ~ ' where false']) | join(' union all ') }};
    comment on view {{ relation }} is '{{ _comment_on_files() }}'
{%- endmacro %}

{# By its comment a view of files is told from one of somebody's own. #}
{% macro _comment_on_files() -%} The files of JOURNEY_RAW_PATH, as the last dbt command found them. {%- endmacro %}

{% macro _is_view_of_files(relation) -%}
    {%- set comments -%}
        select comment from duckdb_views()
        where database_name = '{{ relation.database }}' and schema_name = '{{ relation.schema }}'
            and view_name = '{{ relation.identifier }}'
    {%- endset -%}
    {{ return(_comment_on_files() in run_query(comments).columns[0].values()) }}
{%- endmacro %}

{# One row per file, with the types that its documented columns have in it. #}
{% macro _types_of_files(files, columns) -%}
    {%- if not files -%} {{ return([]) }} {%- endif -%}
    {%- set types -%}
        select
            file_name,
            coalesce(
                string_agg(lower(name) || ' ' || duckdb_type, ', ' order by lower(name), column_id)
                filter (where lower(name) in ('{{ columns | join("', '", attribute="name") }}')),
                ''
            ) as column_types
        from parquet_schema({{ _file_list(files) }})
        group by file_name
        order by file_name
    {%- endset -%}
    {{ return(run_query(types).rows) }}
{%- endmacro %}

{% macro _raw_columns(columns, delivered) -%}
    select
        {%- for column in columns %}
        {%- set value = column.name if column.name in delivered else 'null' %}
        {#- A load time that cannot be read is a missing one, and its row is rejected; anything else stops the run. #}
        {%- if column.name != 'loaded_at' %}
        cast({{ value }} as {{ column.data_type }})
        {%- elif delivered[value] == 'VARCHAR' %}
        {{ _instant(value) }}
        {%- else %}
        try_cast({{ value }} as timestamp)
        {%- endif %} as {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
{%- endmacro %}

{% macro _file_list(files) -%}
    [{% for file in files %}'{{ _file_name(file) }}'{{ ', ' if not loop.last }}{% endfor %}]
{%- endmacro %}

{# A file or folder name inside a quoted glob pattern: brackets and wildcards in it stand for themselves. #}
{% macro _file_name(name) -%}
    {{ modules.re.sub('([\[*?])', '[\\1]', name) | replace("'", "''") }}
{%- endmacro %}
