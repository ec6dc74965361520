-- Grain: one user who entered a journey.
with entry_states as (

    select * from {{ ref('int_journey_entry_states') }}

),

conversions as (

    select * from {{ ref('int_journey_conversions') }}
    where is_first_conversion

),

entered as (

    select
        journey_id,
        user_id,
        min(entered_at) as first_entered_at,
        -- One entry without a closed window is enough to wait: that user may still convert.
        count(*) filter (where not is_window_over) = 0 as is_matured
    from entry_states
    group by journey_id, user_id

),

converted as (

    select
        entered.*,
        conversions.occurred_at as first_converted_at
    from entered
    left join conversions
        on entered.journey_id = conversions.journey_id and entered.user_id = conversions.user_id

)

select * from converted
