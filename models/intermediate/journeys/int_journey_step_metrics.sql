-- Grain: one metric that a step's type has. A type without rows of its own in `channel_metrics` has those of `(other)`.
with known_steps as (

    select * from {{ ref('int_known_journey_steps') }}

),

-- The seed is written by hand: blanks and case do not matter, so two of its lines can say the same.
channel_metrics as (

    select
        {{ lower_case(clean_text('step_type')) }} as step_type,
        {{ lower_case(clean_text('metric')) }} as metric
    from {{ ref('channel_metrics') }}
    group by {{ lower_case(clean_text('step_type')) }}, {{ lower_case(clean_text('metric')) }}

),

listed_types as (

    select step_type
    from channel_metrics
    group by step_type

),

step_metrics as (

    select
        known_steps.journey_id,
        known_steps.step_id,
        channel_metrics.metric
    from known_steps
    left join listed_types on known_steps.step_type = listed_types.step_type
    inner join channel_metrics on coalesce(listed_types.step_type, '(other)') = channel_metrics.step_type

)

select * from step_metrics
