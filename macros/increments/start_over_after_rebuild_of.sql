{#
    Hook before an incremental table made of others, given by its batch columns: empties it when one of those was built
    anew after it, so that the increment begins at nothing. So the next run finishes a full refresh that died half way,
    and of raw rows that were erased before it nothing stays.
#}
{% macro start_over_after_rebuild_of(relations) -%}
    {%- if is_incremental() -%}
        {%- set rebuilt = [] -%}
        {%- for batch_column, relation in relations.items() -%}
            {%- do rebuilt.append(
                '(select max(' ~ batch_column ~ ') from ' ~ this ~ ')'
                ~ ' < (select coalesce(min(batch_number), 9223372036854775807) from ' ~ relation ~ ')'
            ) -%}
        {%- endfor -%}
        {%- if run_query('select ' ~ rebuilt | join(' or ')).rows[0][0] -%}
            delete from {{ this }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
