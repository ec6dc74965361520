-- Grain: one usable row whose event id arrived more than once (or shares its hash with one that did).
-- Most ids arrive once, and their hash alone shows it; only these few rows are compared by the id itself.
with usable_rows as (

    select * from {{ ref('int_user_event_rows') }}
    where reject_reason is null

),

repeated_hashes as (

    select event_id_hash
    from usable_rows
    group by event_id_hash
    having count(*) > 1

),

compared as (

    select
        usable_rows.*,
        row_number() over (
            partition by usable_rows.event_id
            -- The first loaded is the event; the other columns make the choice independent of the order of rows.
            order by
                usable_rows.loaded_at,
                usable_rows.occurred_at,
                usable_rows.user_id,
                usable_rows.event_name,
                usable_rows.revenue nulls last,
                usable_rows.properties nulls last
        ) as delivery_number
    from usable_rows
    inner join repeated_hashes on usable_rows.event_id_hash = repeated_hashes.event_id_hash

)

select * from compared
