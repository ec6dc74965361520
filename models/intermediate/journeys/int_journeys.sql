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

changed as (

    select * from in_force
    {% if is_incremental() %}
    -- A definition that is stored as it is keeps its row, with the number of the batch that last changed it.
    except
    select
        journey_id,
        journey_name,
        conversion_event_name,
        attribution_window_minutes
    from {{ this }}
    {% endif %}

),

numbered as (

    select
        *,
        {{ next_batch() }} as batch_number
    from changed

)

select * from numbered
