-- Grain: one user with an accepted outcome of a step.
with outcomes as (

    select
        journey_id,
        step_id,
        user_id,
        {{ counted_outcome('event_type', 'outcome') }} as outcome,
        pair_hash
    from {{ ref('int_journey_events') }}
    where event_type = 'step_outcome' and {{ is_touched() }}

),

outcome_users as (

    select
        journey_id,
        step_id,
        user_id,
        outcome,
        pair_hash,
        {{ newest_batch() }} as batch_number
    from outcomes
    group by journey_id, step_id, user_id, outcome, pair_hash

)

select * from outcome_users
