-- Grain: one metric that a step's type has, with its value; 0 when nobody caused it.
with event_counts as (

    select * from {{ ref('int_journey_step_event_counts') }}

),

metric_totals as (

    select
        event_counts.journey_id,
        event_counts.step_id,
        metric_events.metric,
        sum(event_counts.event_count) as metric_value
    from event_counts
    inner join {{ ref('step_metric_events') }} as metric_events
        on
            event_counts.event_type = metric_events.event_type
            and (metric_events.platform is null or event_counts.platform = metric_events.platform)
    group by event_counts.journey_id, event_counts.step_id, metric_events.metric

    union all

    select
        journey_id,
        step_id,
        'entry_user_count' as metric,
        user_count as metric_value
    from event_counts
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
