-- Grain: one defined step of a journey, as its latest delivery defines it.
with deliveries as (

    select * from {{ ref('stg_journey_steps') }}
    where journey_id is not null and step_id is not null

),

ranked as (

    select
        *,
        row_number() over (
            partition by journey_id, step_id
            -- A tie on loaded_at is broken by content, so that the order of rows never decides.
            order by
                loaded_at desc nulls last,
                step_name nulls last,
                step_type nulls last,
                step_position nulls last
        ) as recency
    from deliveries

),

in_force as (

    select
        journey_id,
        step_id,
        step_name,
        step_type,
        step_position
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
        step_id,
        step_name,
        step_type,
        step_position
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
