-- Grain: one usable row whose event id arrived more than once (or shares its hash with one that did).
-- Most ids arrive once, and their hash alone shows it; only these few rows are compared by the id itself.
with arrivals as (

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

-- One id of the newest batch always comes along, so that this table knows how far it has looked.
repeated_hashes as (

    select event_id_hash
    from arrivals
    group by event_id_hash
    having count(*) > 1

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

-- Whole rows are read from these loads only: an increment looks for a few ids among many.
loads_of_repeated_hashes as (

    select loaded_at
    from arrivals
    where event_id_hash in (select event_id_hash from repeated_hashes)

),

compared as (

    select
        *,
        row_number() over deliveries as delivery_number,
        -- A late twin can take the event's place: then both rows are touched.
        max(batch_number) over (partition by event_id) as changed_batch_number
    from {{ ref('int_user_event_rows') }}
    where
        reject_reason is null
        and event_id_hash in (select event_id_hash from repeated_hashes)
        and loaded_at in (select loaded_at from loads_of_repeated_hashes)
    window deliveries as (
        partition by event_id
        -- The first loaded is the event; the other columns make the choice independent of the order of rows.
        order by
            loaded_at,
            occurred_at,
            user_id,
            event_name
    )

)

select * from compared
