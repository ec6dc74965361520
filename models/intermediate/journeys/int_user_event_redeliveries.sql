-- Grain: one usable row whose event id arrived more than once (or shares its hash with one that did).
-- Most ids arrive once, and their hash alone shows it; only these few rows are compared by the id itself.
with looked_at as (

    select
        event_id_hash,
        loaded_at
    from {{ ref('int_user_event_rows') }}
    where reject_reason is null
    {% if is_incremental() %}
    -- Only an id that arrived since can have become a repeated one, but its twin may be of any age.
    and event_id_hash in (
        select event_id_hash
        from {{ ref('int_user_event_rows') }}
        where reject_reason is null and batch_number > {{ processed_up_to(this) }}
    )
    {% endif %}

),

arrivals as (

    select
        event_id_hash,
        count(*) as arrival_count
    from looked_at
    group by event_id_hash

),

-- One id of the newest batch always comes along, so that this table knows how far it has looked.
repeated_hashes as (

    select event_id_hash
    from arrivals
    where arrival_count > 1

    union

    select max(event_id_hash) as event_id_hash
    from {{ ref('int_user_event_rows') }}
    where
        reject_reason is null
        and batch_number = (
            select max(batch_number) from {{ ref('int_user_event_rows') }}
            where reject_reason is null
        )

),

compared as (

    select
        *,
        row_number() over deliveries as delivery_number,
        -- A late twin can take the event's place: then both rows are touched.
        max(batch_number) over (partition by event_id) as changed_batch_number
    from {{ ref('int_user_event_rows') }}
    where reject_reason is null and event_id_hash in (select event_id_hash from repeated_hashes)
    {% if is_incremental() %}
    -- Only loads that have brought one of these ids are read.
    and loaded_at in (
        select looked_at.loaded_at
        from looked_at
        inner join repeated_hashes on looked_at.event_id_hash = repeated_hashes.event_id_hash
    )
    {% endif %}
    window deliveries as (
        partition by event_id
        -- The first loaded is the event; the other columns make the choice independent of the order of rows.
        order by
            loaded_at,
            occurred_at,
            user_id,
            event_name,
            revenue nulls last,
            properties nulls last
    )

)

select * from compared
