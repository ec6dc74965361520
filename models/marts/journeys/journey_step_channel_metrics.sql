-- Grain: one step of a journey that is defined or has an accepted event.
-- A metric that the step's type does not have is null, one that it has and nobody caused is 0.
with known_steps as (

    select * from {{ ref('int_known_journey_steps') }}

),

journeys as (

    select * from {{ ref('int_journeys') }}

),

side_by_side as (

    select
        journey_id,
        step_id,
        max(metric_value) filter (where metric = 'entry_count') as entry_count,
        max(metric_value) filter (where metric = 'entry_user_count') as entry_user_count,
        max(metric_value) filter (where metric = 'sent_count') as sent_count,
        max(metric_value) filter (where metric = 'failed_count') as failed_count,
        max(metric_value) filter (where metric = 'shown_count') as shown_count,
        max(metric_value) filter (where metric = 'clicked_count') as clicked_count,
        max(metric_value) filter (where metric = 'android_sent_count') as android_sent_count,
        max(metric_value) filter (where metric = 'android_failed_count') as android_failed_count,
        max(metric_value) filter (where metric = 'android_clicked_count') as android_clicked_count,
        max(metric_value) filter (where metric = 'ios_sent_count') as ios_sent_count,
        max(metric_value) filter (where metric = 'ios_failed_count') as ios_failed_count,
        max(metric_value) filter (where metric = 'ios_clicked_count') as ios_clicked_count,
        max(metric_value) filter (where metric = 'other_platform_sent_count') as other_platform_sent_count,
        max(metric_value) filter (where metric = 'other_platform_failed_count') as other_platform_failed_count,
        max(metric_value) filter (where metric = 'other_platform_clicked_count') as other_platform_clicked_count
    from {{ ref('int_journey_step_metric_values') }}
    group by journey_id, step_id

),

rated as (

    select
        known_steps.journey_id,
        journeys.journey_name,
        known_steps.step_id,
        known_steps.step_name,
        known_steps.step_type,
        known_steps.step_position,
        side_by_side.entry_count,
        side_by_side.entry_user_count,
        side_by_side.sent_count,
        side_by_side.failed_count,
        side_by_side.shown_count,
        side_by_side.clicked_count,
        side_by_side.android_sent_count,
        side_by_side.android_failed_count,
        side_by_side.android_clicked_count,
        side_by_side.ios_sent_count,
        side_by_side.ios_failed_count,
        side_by_side.ios_clicked_count,
        side_by_side.other_platform_sent_count,
        side_by_side.other_platform_failed_count,
        side_by_side.other_platform_clicked_count,
        {{ percentage('side_by_side.failed_count', 'side_by_side.sent_count + side_by_side.failed_count') }}
            as failed_pct,
        {{ percentage('side_by_side.shown_count', 'side_by_side.sent_count') }} as shown_pct,
        {{ percentage('side_by_side.clicked_count', 'side_by_side.sent_count') }} as clicked_pct
    from known_steps
    left join journeys on known_steps.journey_id = journeys.journey_id
    left join side_by_side
        on known_steps.journey_id = side_by_side.journey_id and known_steps.step_id = side_by_side.step_id

)

select * from rated
