-- Grain: one entry of a user into a journey, with what time and conversions have made of it.
with timed as (

    select
        milestones.*,
        -- Exactly at the end of the window a conversion can still arrive, so the window is not over yet.
        coalesce(completeness.data_complete_at > milestones.window_ends_at, false) as is_window_over
    from {{ ref('int_journey_entry_milestones') }} as milestones
    cross join {{ ref('int_data_completeness') }} as completeness

),

states as (

    select
        journey_id,
        user_id,
        entry_number,
        entered_at,
        exited_at,
        user_first_converted_at,
        is_window_over,
        case
            when is_converted then 'converted'
            when exited_at is null then 'active'
            when is_window_over then 'exited_window_closed'
            else 'exited_window_open'
        end as entry_state
    from timed

)

select * from states
