{#
    Incremental strategy `rebuild_touched`: every touched user in a journey is deleted whole and inserted anew, in one
    transaction. Unlike `delete+insert` it also deletes those whom a late twin has left without any row.
#}
{% macro get_incremental_rebuild_touched_sql(arguments) -%}
    {%- set columns = get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arguments['target_relation'] }}
    where {{ is_touched() }};

    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}
