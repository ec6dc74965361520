-- Grain: one journey that is defined or has an accepted event.
with defined_journeys as (

    select * from {{ ref('int_journeys') }}

),

seen_journeys as (

    select journey_id
    from {{ ref('int_journey_event_counts') }}
    group by journey_id

),

known_journeys as (

    select
        coalesce(defined_journeys.journey_id, seen_journeys.journey_id) as journey_id,
        defined_journeys.journey_name,
        defined_journeys.conversion_event_name,
        defined_journeys.attribution_window_minutes
    from defined_journeys
    full outer join seen_journeys on defined_journeys.journey_id = seen_journeys.journey_id

)

select * from known_journeys
