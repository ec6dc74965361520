-- Grain: one user behind one event-count metric of a step.
with user_events as (

    select * from {{ ref('int_journey_step_user_events') }}

),

step_metrics as (

    select * from {{ ref('int_journey_step_metrics') }}

),

metric_events as (

    select * from {{ ref('step_metric_events') }}

),

metric_users as (

    select
        step_metrics.metric,
        user_events.journey_id,
        user_events.step_id,
        user_events.user_id,
        cast(sum(user_events.event_count) as bigint) as event_count,
        min(user_events.first_at) as first_at,
        max(user_events.last_at) as last_at
    from user_events
    inner join metric_events
        on
            user_events.event_type = metric_events.event_type
            and (metric_events.platform is null or user_events.platform = metric_events.platform)
    -- A metric that the step's type does not have counts for nobody.
    inner join step_metrics
        on
            user_events.journey_id = step_metrics.journey_id
            and user_events.step_id = step_metrics.step_id
            and metric_events.metric = step_metrics.metric
    group by step_metrics.metric, user_events.journey_id, user_events.step_id, user_events.user_id

)

select * from metric_users
