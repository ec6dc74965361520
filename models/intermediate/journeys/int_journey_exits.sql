-- Grain: one entry that was exited.
with exits as (

    select
        journey_id,
        user_id,
        entry_number,
        exited_at,
        pair_hash
    from {{ ref('int_journey_entry_events') }}
    where event_type = 'journey_entered' and exited_at is not null

)

select * from exits
