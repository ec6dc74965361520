{#
    The load time from which a run looks for new rows: that of the earliest load that has grown since, among those within
    the lookback of the newest usable row of the table; one that is never reached when none has.
#}
{% macro picked_up_from(relation, deliveries) -%}
    (
        with lookback as (
            select coalesce(max(loaded_at), timestamp '0001-01-31 00:00:00')
                - interval '1' hour * {{ var('load_lookback_hours') }} as reaches_back_to
            from {{ relation }}
            where reject_reason is null
        )

        select coalesce(min(delivered.loaded_at), timestamp '9999-12-31 23:59:59.999999')
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
    )
{%- endmacro %}
