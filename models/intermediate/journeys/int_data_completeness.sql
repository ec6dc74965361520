-- Grain: the one row that says how far the data reaches. It stands in for now(): a rerun gives the same numbers.
-- Rows are counted by load, and duplicates taken off: to look for the accepted events among all rows would take longer.
with usable_rows as (

    select loaded_at from {{ ref('int_journey_event_rows') }}
    where reject_reason is null
    union all
    select loaded_at from {{ ref('int_user_event_rows') }}
    where reject_reason is null

),

duplicates as (

    select loaded_at from {{ ref('int_journey_event_redeliveries') }}
    where delivery_number > 1
    union all
    select loaded_at from {{ ref('int_user_event_redeliveries') }}
    where delivery_number > 1

),

usable_loads as (

    select
        loaded_at,
        count(*) as row_count
    from usable_rows
    group by loaded_at

),

duplicate_loads as (

    select
        loaded_at,
        count(*) as row_count
    from duplicates
    group by loaded_at

),

-- A load of which nothing but duplicates came does not make the data any more complete.
latest_load as (

    select max(usable_loads.loaded_at) as data_complete_at
    from usable_loads
    left join duplicate_loads on usable_loads.loaded_at = duplicate_loads.loaded_at
    where usable_loads.row_count > coalesce(duplicate_loads.row_count, 0)

)

select * from latest_load
