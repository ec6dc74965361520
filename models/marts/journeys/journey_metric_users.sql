-- Grain: one user behind one metric of a journey, step or outcome: the list that each published count sums up.
with journey_metric_users as (

    select * from {{ ref('int_journey_metric_users') }}

),

step_metric_users as (

    select * from {{ ref('int_journey_step_metric_users') }}

),

outcomes as (

    select * from {{ ref('int_journey_step_events') }}
    where event_type = 'step_outcome'

),

stalled_visits as (

    select * from {{ ref('int_journey_stalled_visits') }}

),

metric_users as (

    select
        metric,
        journey_id,
        null as step_id,
        null as outcome,
        user_id,
        event_count,
        first_at,
        last_at
    from journey_metric_users

    union all

    select
        metric,
        journey_id,
        step_id,
        null as outcome,
        user_id,
        event_count,
        first_at,
        last_at
    from step_metric_users

    union all

    select
        'outcome_count' as metric,
        journey_id,
        step_id,
        outcome,
        user_id,
        count(*) as event_count,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from outcomes
    group by journey_id, step_id, outcome, user_id

    union all

    select
        metric,
        journey_id,
        step_id,
        null as outcome,
        user_id,
        count(*) as event_count,
        min(visited_at) as first_at,
        max(visited_at) as last_at
    from stalled_visits
    group by metric, journey_id, step_id, user_id

)

select * from metric_users
