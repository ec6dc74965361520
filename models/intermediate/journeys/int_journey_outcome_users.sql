-- Grain: one user with an accepted outcome of a step.
with {#- While dbt parses it must see what the increments refer to. #}
{% if is_incremental() or not execute %}
-- A late twin can take the place of an outcome that is here already: these said what no event says in their stead.
outcomes_taken_away as (

    select
        journey_id,
        step_id,
        user_id,
        outcome,
        pair_hash
    from {{ ref('int_journey_event_redeliveries') }}
    where event_type = 'step_outcome'
    group by journey_id, step_id, user_id, outcome, pair_hash
    having max(changed_batch_number) > {{ processed_up_to(this) }} and min(delivery_number) > 1

),

{% endif %}
events as (

    select * from {{ ref('int_journey_events') }}
    where event_type = 'step_outcome' and {{ is_touched() }}
    {% if is_incremental() %}
    -- Earlier outcomes of the touched users are here already, and need not be looked for among all events.
    and batch_number > {{ processed_up_to(this) }}

    union all

    -- Filtered as above but for the step, which no outcome lacks: what is filtered alike DuckDB reads once and whole.
    select * from {{ ref('int_journey_events') }}
    where
        event_type = 'step_outcome'
        and step_id is not null
        and pair_hash in (select pair_hash from outcomes_taken_away)
    {% endif %}

),

outcomes as (

    select
        journey_id,
        step_id,
        user_id,
        {{ counted_outcome('event_type', 'outcome') }} as outcome,
        pair_hash
    from events

    {% if is_incremental() or not execute %}
    union all

    select
        journey_id,
        step_id,
        user_id,
        outcome,
        pair_hash
    from {{ this }}
    where
        {{ is_touched() }}
        and pair_hash not in (select pair_hash from outcomes_taken_away)
        -- Rows from before all events were cleaned anew say what the events no longer may.
        and batch_number >= (select min(batch_number) from {{ ref('int_journey_event_rows') }})
    {% endif %}

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
