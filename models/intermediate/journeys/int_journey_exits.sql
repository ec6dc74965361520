-- Grain: one entry that was exited. Further exits of the entry are ignored, and exits are never invented.
with exits as (

    select
        journey_id,
        user_id,
        entry_number,
        occurred_at as exited_at,
        pair_hash
    from {{ ref('int_journey_entry_events') }}
    where event_type = 'journey_exited' and event_number = 1

)

select * from exits
