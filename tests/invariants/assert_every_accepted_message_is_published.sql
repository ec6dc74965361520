-- The messages of a journey are the accepted message_sent events of all its steps, also of steps whose type shows no
-- number of messages and of steps that nobody defined. Leaving those out would be seen nowhere else.
{{ config(tags=['whole_history']) }}

with accepted as (

    select
        journey_id,
        count(*) as messages_sent
    from {{ ref('int_journey_events') }}
    where event_type = 'message_sent'
    group by journey_id

)

select
    coalesce(accepted.journey_id, overview.journey_id) as journey_id,
    accepted.messages_sent as accepted_messages,
    overview.messages_sent as published_messages
from accepted
full outer join {{ ref('journey_overview') }} as overview on accepted.journey_id = overview.journey_id
where coalesce(accepted.messages_sent, 0) is distinct from overview.messages_sent
