-- Grain: one user behind one event-count metric of a step.
with step_events as (

    select * from {{ ref('int_journey_step_events') }}

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
        step_events.journey_id,
        step_events.step_id,
        step_events.user_id,
        count(*) as event_count,
        min(step_events.occurred_at) as first_at,
        max(step_events.occurred_at) as last_at
    from step_events
    inner join metric_events
        on
            step_events.event_type = metric_events.event_type
            and (metric_events.platform is null or step_events.platform = metric_events.platform)
    -- A metric that the step's type does not have counts for nobody.
    inner join step_metrics
        on
            step_events.journey_id = step_metrics.journey_id
            and step_events.step_id = step_metrics.step_id
            and metric_events.metric = step_metrics.metric
    group by step_metrics.metric, step_events.journey_id, step_events.step_id, step_events.user_id

)

select * from metric_users
