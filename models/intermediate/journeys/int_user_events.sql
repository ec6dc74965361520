-- Grain: one accepted user event.
with usable_rows as (

    select * from {{ ref('int_user_event_rows') }}
    where reject_reason is null

),

redeliveries as (

    select * from {{ ref('int_user_event_redeliveries') }}

),

delivered_once as (

    select *
    from usable_rows
    where not exists (select 1 from redeliveries where redeliveries.event_id_hash = usable_rows.event_id_hash)

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
    from redeliveries
    where delivery_number = 1

)

select * from accepted
