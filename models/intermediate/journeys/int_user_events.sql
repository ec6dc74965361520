-- Grain: one accepted user event.
-- Each input is imported once: DuckDB reads every column of a step that is used twice.
with delivered_once as (

    select * from {{ ref('int_user_event_rows') }} as delivered
    where
        reject_reason is null
        and {{ is_none_of(ref('int_user_event_redeliveries'), 'delivered', 'event_id_hash') }}

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
