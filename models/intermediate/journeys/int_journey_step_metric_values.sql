-- Grain: one metric that a step's type has, with its value; 0 when nobody caused it.
with user_events as (

    select
        journey_id,
        step_id,
        event_type,
        platform,
        sum(event_count) as event_count,
        count(*) as user_count
    from {{ ref('int_journey_step_user_events') }}
    group by journey_id, step_id, event_type, platform

),

metric_totals as (

    select
        user_events.journey_id,
        user_events.step_id,
        metric_events.metric,
        sum(user_events.event_count) as metric_value
    from user_events
    inner join {{ ref('step_metric_events') }} as metric_events
        on
            user_events.event_type = metric_events.event_type
            and (metric_events.platform is null or user_events.platform = metric_events.platform)
    group by user_events.journey_id, user_events.step_id, metric_events.metric

    union all

    select
        journey_id,
        step_id,
        'entry_user_count' as metric,
        user_count as metric_value
    from user_events
    where event_type = 'step_entered'

),

metric_values as (

    select
        step_metrics.journey_id,
        step_metrics.step_id,
        step_metrics.metric,
        cast(coalesce(metric_totals.metric_value, 0) as bigint) as metric_value
    from {{ ref('int_journey_step_metrics') }} as step_metrics
    left join metric_totals
        on
            step_metrics.journey_id = metric_totals.journey_id
            and step_metrics.step_id = metric_totals.step_id
            and step_metrics.metric = metric_totals.metric

)

select * from metric_values
