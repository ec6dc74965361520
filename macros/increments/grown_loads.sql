{#
    Selects the load times of which more rows were delivered than a table holds: rows may land late, and a load in parts. As far
    back as the lookback reaches from the newest usable row of the table.
#}
{% macro grown_loads(relation, deliveries) -%}
    with lookback as (
        select coalesce(max(loaded_at), timestamp '0001-01-31 00:00:00')
            - interval '1' hour * {{ var('load_lookback_hours') }} as reaches_back_to
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
