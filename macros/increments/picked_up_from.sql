{#
    The load time from which a run looks for new rows: that of the earliest load that has grown since, among those within
    the lookback of the newest usable row of the table; one that is never reached when none has.
#}
{% macro picked_up_from(relation, deliveries) -%}
    {%- set within_lookback -%}
        loaded_at >= (
            select
                coalesce(max(loaded_at), timestamp '0001-01-31 00:00:00')
                - interval '1' hour * {{ var('load_lookback_hours') }}
            from {{ relation }}
            where reject_reason is null
        )
    {%- endset -%}
    (
        select coalesce(min(delivered.loaded_at), timestamp '9999-12-31 23:59:59.999999')
        from (
            select
                loaded_at,
                count(*) as row_count
            from {{ deliveries }}
            where {{ within_lookback }}
            group by loaded_at
        ) as delivered
        left join (
            select
                loaded_at,
                count(*) as row_count
            from {{ relation }}
            where {{ within_lookback }}
            group by loaded_at
        ) as here on delivered.loaded_at = here.loaded_at
        where delivered.row_count > coalesce(here.row_count, 0)
    )
{%- endmacro %}
