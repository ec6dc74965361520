-- Grain: one delivered definition of a journey. Which of them is in force is decided downstream.
with deliveries as (

    -- {{ after_sample_seed('journeys') }}
    select * from {{ source('raw', 'journeys') }}

),

cleaned as (

    select
        {{ clean_text('journey_id') }} as journey_id,
        {{ clean_text('journey_name') }} as journey_name,
        {{ lower_case(clean_text('conversion_event_name')) }} as conversion_event_name,
        cast(attribution_window_minutes as bigint) as attribution_window_minutes,
        cast(loaded_at as timestamp) as loaded_at
    from deliveries

)

select * from cleaned
