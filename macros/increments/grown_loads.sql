{#
    Selects the load times, as far back as the lookback reaches from the newest usable row of a table, of which more rows
    were delivered than the table holds: rows may land late, and a load in parts.
#}
{% macro grown_loads(relation, deliveries) -%}
    with lookback as (
        select
            coalesce(
                max(loaded_at) - interval '1' hour * {{ var('load_lookback_hours') }}, timestamp '0001-01-01 00:00:00'
            ) as reaches_back_to
        from {{ relation }}
        where reject_reason is null
    )

    select delivered.loaded_at
    from (
        select
            loaded_at,
            count(*) as row_count
        from {{ deliveries }}
        where loaded_at >= (select reaches_back_to from lookback)
        group by loaded_at
    ) as delivered
    left join (
        select
            loaded_at,
            count(*) as row_count
        from {{ relation }}
        where loaded_at >= (select reaches_back_to from lookback)
        group by loaded_at
    ) as here on delivered.loaded_at = here.loaded_at
    where delivered.row_count > coalesce(here.row_count, 0)
{%- endmacro %}
