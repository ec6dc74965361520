-- Hashes are stored with the rows, and an engine may change its hash in a new version: then a redelivery would no
-- longer meet its twin, nor an event its user. A full refresh after the upgrade heals it. A version hashes all rows
-- alike, so a few of the oldest rows tell, and these are found without reading the others.
with oldest_rows as (

    select * from {{ ref('int_journey_event_rows') }}
    where reject_reason is null
    order by loaded_at
    limit 100

)

select event_id
from oldest_rows
where
    event_id_hash != {{ hash64('event_id') }}
    or pair_hash != {{ pair_hash('journey_id', 'user_id') }}
