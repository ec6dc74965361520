{# The load time from which a run looks for new rows: the lookback before the newest usable row of the table. #}
{% macro picked_up_from(relation) -%}
    (
        select
            coalesce(max(loaded_at), timestamp '0001-01-31 00:00:00')
            - interval '1' hour * {{ var('load_lookback_hours') }}
        from {{ relation }}
        where reject_reason is null
    )
{%- endmacro %}
