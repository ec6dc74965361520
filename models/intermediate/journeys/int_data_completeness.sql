-- Grain: the one row that says how far the data reaches. It stands in for now(): a rerun gives the same numbers.
with loads as (

    select max(loaded_at) as loaded_at from {{ ref('int_journey_events') }}
    union all
    select max(loaded_at) as loaded_at from {{ ref('int_user_events') }}

),

latest_load as (

    select max(loaded_at) as data_complete_at from loads

)

select * from latest_load
