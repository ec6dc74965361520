-- Grain: one accepted user event.
-- Each input is imported once: DuckDB reads every column of a step that is used twice.
with delivered_once as (

    select * from {{ ref('int_user_event_rows') }}
    where
        reject_reason is null
        and event_id_hash not in (select event_id_hash from {{ ref('int_user_event_redeliveries') }})

),

first_delivered as (

    select * from {{ ref('int_user_event_redeliveries') }}
    where delivery_number = 1

),

accepted as (

    select
        event_id,
        user_id,
        event_name,
        occurred_at,
        loaded_at
    from delivered_once

    union all

    select
        event_id,
        user_id,
        event_name,
        occurred_at,
        loaded_at
    from first_delivered

)

select * from accepted
