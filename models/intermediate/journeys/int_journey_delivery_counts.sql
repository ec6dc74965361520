-- Grain: one batch, step or none, event type, platform, outcome and day of sending with at least one usable row.
-- A row is counted once, when it arrives; what turns out to be a duplicate is taken off downstream.
with usable_rows as (

    select * from {{ ref('int_journey_event_rows') }}
    where reject_reason is null
    {% if is_incremental() %}
    and batch_number > {{ processed_up_to(this) }}
    {% endif %}

),

in_counted_words as (

    select
        journey_id,
        step_id,
        event_type,
        {{ counted_platform('event_type', 'platform') }} as platform,
        {{ counted_outcome('event_type', 'outcome') }} as outcome,
        {{ counted_day('event_type', 'occurred_at') }} as sent_date,
        batch_number
    from usable_rows

),

delivery_counts as (

    select
        journey_id,
        step_id,
        event_type,
        platform,
        outcome,
        sent_date,
        count(*) as row_count,
        batch_number
    from in_counted_words
    group by journey_id, step_id, event_type, platform, outcome, sent_date, batch_number

)

select * from delivery_counts
