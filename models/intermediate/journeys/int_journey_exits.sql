-- Grain: one entry that was exited. Further exits of the entry are ignored, and exits are never invented.
with exit_events as (

    select * from {{ ref('int_journey_entry_events') }}
    where event_type = 'journey_exited' and entry_number is not null

),

exits as (

    select
        journey_id,
        user_id,
        entry_number,
        exited_at,
        pair_hash
    from exit_events
    group by journey_id, user_id, entry_number, exited_at, pair_hash

)

select * from exits
