-- Grain: one defined journey, as its latest delivery defines it.
with deliveries as (

    select * from {{ ref('stg_journeys') }}
    where journey_id is not null

),

ranked as (

    select
        *,
        row_number() over (
            partition by journey_id
            -- A tie on loaded_at is broken by content, so that the order of rows never decides.
            order by
                loaded_at desc nulls last,
                journey_name nulls last,
                conversion_event_name nulls last,
                attribution_window_minutes nulls last
        ) as recency
    from deliveries

),

in_force as (

    select
        journey_id,
        journey_name,
        conversion_event_name,
        -- No window means that counting stops with the exit.
        coalesce(attribution_window_minutes, 0) as attribution_window_minutes
    from ranked
    where recency = 1

),

-- A definition keeps the number of the batch that last changed it.
numbered as (

    {% if is_incremental() %}
    select
        in_force.*,
        case
            when
                in_force.journey_name is not distinct from known.journey_name
                and in_force.conversion_event_name is not distinct from known.conversion_event_name
                -- Never true for a journey that was not known.
                and in_force.attribution_window_minutes = known.attribution_window_minutes
                then known.batch_number
            else {{ next_batch() }}
        end as batch_number
    from in_force
    left join {{ this }} as known on in_force.journey_id = known.journey_id
    {% else %}
    select
        *,
        {{ next_batch() }} as batch_number
    from in_force
    {% endif %}

)

select * from numbered
