-- A user who converted has a converted entry, a converted entry has a conversion event, and only users who entered can
-- convert. Anything else is a conversion that was credited twice, or to nobody.
select
    journey_id,
    converted_users,
    converted_entries,
    conversion_events,
    entry_user_count,
    matured_converted_users,
    matured_entry_user_count
from {{ ref('journey_overview') }}
where
    converted_users > converted_entries
    or converted_entries > conversion_events
    or converted_users > entry_user_count
    or matured_converted_users > converted_users
    or matured_entry_user_count > entry_user_count
