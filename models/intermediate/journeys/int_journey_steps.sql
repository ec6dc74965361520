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

-- A definition keeps the number of the batch that last changed it.
numbered as (

    {% if is_incremental() %}
    select
        in_force.*,
        case
            when
                in_force.step_id = known.step_id
                and in_force.step_name is not distinct from known.step_name
                and in_force.step_type is not distinct from known.step_type
                and in_force.step_position is not distinct from known.step_position
                then known.batch_number
            else {{ next_batch() }}
        end as batch_number
    from in_force
    left join {{ this }} as known on in_force.journey_id = known.journey_id and in_force.step_id = known.step_id
    {% else %}
    select
        *,
        {{ next_batch() }} as batch_number
    from in_force
    {% endif %}

)

select * from numbered
