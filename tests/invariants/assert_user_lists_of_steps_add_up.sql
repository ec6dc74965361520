-- Behind each number of a step stands the list of its users: their counts sum up to the number, and where the number
-- of users is published too, the list is as long. A number that is null or 0 has no list. Both directions count, so
-- the two sides are stacked and grouped: grouping takes the outcome that most metrics lack as equal to itself.
{{ config(tags=['whole_history', 'user_lists']) }}

with channel_numbers as (

    select
        metrics.metric,
        steps.journey_id,
        steps.step_id,
        case metrics.metric
            when 'entry_count' then steps.entry_count
            when 'sent_count' then steps.sent_count
            when 'failed_count' then steps.failed_count
            when 'shown_count' then steps.shown_count
            when 'clicked_count' then steps.clicked_count
            when 'android_sent_count' then steps.android_sent_count
            when 'android_failed_count' then steps.android_failed_count
            when 'android_clicked_count' then steps.android_clicked_count
            when 'ios_sent_count' then steps.ios_sent_count
            when 'ios_failed_count' then steps.ios_failed_count
            when 'ios_clicked_count' then steps.ios_clicked_count
            when 'other_platform_sent_count' then steps.other_platform_sent_count
            when 'other_platform_failed_count' then steps.other_platform_failed_count
            when 'other_platform_clicked_count' then steps.other_platform_clicked_count
        end as published_number,
        case metrics.metric when 'entry_count' then steps.entry_user_count end as published_users
    from {{ ref('journey_step_channel_metrics') }} as steps
    cross join (
        values
        ('entry_count'),
        ('sent_count'),
        ('failed_count'),
        ('shown_count'),
        ('clicked_count'),
        ('android_sent_count'),
        ('android_failed_count'),
        ('android_clicked_count'),
        ('ios_sent_count'),
        ('ios_failed_count'),
        ('ios_clicked_count'),
        ('other_platform_sent_count'),
        ('other_platform_failed_count'),
        ('other_platform_clicked_count')
    ) as metrics (metric)

),

listed_and_published as (

    select
        metric,
        journey_id,
        step_id,
        outcome,
        event_count as listed_number,
        1 as listed_users,
        case
            when event_count < 1 or user_id is null or first_at is null or last_at is null then 1 else 0
        end as listed_for_nothing,
        null as published_number,
        null as published_users
    from {{ ref('journey_metric_users') }}
    where step_id is not null

    union all

    select
        metric,
        journey_id,
        step_id,
        null as outcome,
        0 as listed_number,
        0 as listed_users,
        0 as listed_for_nothing,
        published_number,
        published_users
    from channel_numbers

    union all

    select
        'dropped_off_count' as metric,
        journey_id,
        step_id,
        null as outcome,
        0 as listed_number,
        0 as listed_users,
        0 as listed_for_nothing,
        dropped_off_count as published_number,
        null as published_users
    from {{ ref('journey_step_flow') }}

    union all

    select
        'waiting_count' as metric,
        journey_id,
        step_id,
        null as outcome,
        0 as listed_number,
        0 as listed_users,
        0 as listed_for_nothing,
        waiting_count as published_number,
        null as published_users
    from {{ ref('journey_step_flow') }}

    union all

    select
        'outcome_count' as metric,
        journey_id,
        step_id,
        outcome,
        0 as listed_number,
        0 as listed_users,
        0 as listed_for_nothing,
        outcome_count as published_number,
        outcome_user_count as published_users
    from {{ ref('journey_step_outcomes') }}

)

select
    metric,
    journey_id,
    step_id,
    outcome,
    sum(published_number) as published_number,
    sum(listed_number) as listed_number,
    sum(published_users) as published_users,
    sum(listed_users) as listed_users
from listed_and_published
group by metric, journey_id, step_id, outcome
having
    coalesce(sum(published_number), 0) != sum(listed_number)
    or sum(published_users) != sum(listed_users)
    or sum(listed_for_nothing) > 0
