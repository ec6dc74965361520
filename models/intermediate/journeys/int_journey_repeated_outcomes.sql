-- Grain: one user with several accepted outcomes of one kind at a step.
-- Few users have: all outcomes less the repeated ones are the distinct users of an outcome.
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

-- One of the users with a new outcome always comes along, so that this table knows how far it has looked.
new_outcomes as (

    select max(pair_hash) as pair_hash
    from {{ ref('int_journey_events') }}
    where event_type = 'step_outcome'
    {% if is_incremental() %}
    and batch_number > {{ processed_up_to(this) }}
    {% endif %}

),

repeated as (

    select
        journey_id,
        step_id,
        user_id,
        outcome,
        count(*) - 1 as repeat_count,
        pair_hash,
        {{ newest_batch() }} as batch_number
    from outcomes
    group by journey_id, step_id, user_id, outcome, pair_hash
    having count(*) > 1 or pair_hash = (select pair_hash from new_outcomes)

)

select * from repeated
