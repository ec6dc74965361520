-- Grain: one user who entered a journey.
with first_entries as (

    select * from {{ ref('int_journey_entry_states') }}
    where entry_number = 1

),

-- One entry without a closed window is enough to wait: that user may still convert.
waiting_users as (

    select
        journey_id,
        user_id
    from {{ ref('int_journey_entry_states') }}
    where not is_window_over
    group by journey_id, user_id

),

users as (

    select
        first_entries.journey_id,
        first_entries.user_id,
        first_entries.entered_at as first_entered_at,
        waiting_users.user_id is null as is_matured,
        first_entries.user_first_converted_at as first_converted_at
    from first_entries
    left join waiting_users
        on first_entries.journey_id = waiting_users.journey_id and first_entries.user_id = waiting_users.user_id

)

select * from users
