-- Grain: one delivered definition of a step. Which of them is in force is decided downstream.
with deliveries as (

    -- {{ after_sample_seed('journey_steps') }}
    select * from {{ source('raw', 'journey_steps') }}

),

cleaned as (

    select
        {{ clean_text('journey_id') }} as journey_id,
        {{ clean_text('step_id') }} as step_id,
        {{ clean_text('step_name') }} as step_name,
        {{ lower_case(clean_text('step_type')) }} as step_type,
        cast(step_position as bigint) as step_position,
        cast(loaded_at as timestamp) as loaded_at
    from deliveries

)

select * from cleaned
