{#
    Incremental strategy `append_missing`: of the rows that a model selects again from loads that have grown, inserts those
    that its table does not hold yet, as a new batch. Each delivery counts: a row that is here once and was delivered twice
    is missing once.
#}
{% macro get_incremental_append_missing_sql(arguments) -%}
    {%- set columns = arguments['dest_columns'] | map(attribute='name') | reject('equalto', 'batch_number') | join(', ') -%}
    insert into {{ arguments['target_relation'] }} ({{ columns }}, batch_number)
    select
        {{ columns }},
        {{ next_batch() }} as batch_number
    from (
        select {{ columns }} from {{ arguments['temp_relation'] }}
        except all
        (
            select {{ columns }} from {{ arguments['target_relation'] }}
            where loaded_at in (select loaded_at from {{ arguments['temp_relation'] }})
            union all
            select {{ columns }} from {{ arguments['target_relation'] }}
            where loaded_at is null
        )
    ) as missing
{%- endmacro %}
