-- Every message of a step is on Android, on iOS or on another platform. A platform in a spelling of its own, or none
-- at all, must land in the third group and not disappear. Types that lack one of the four numbers promise nothing.
select
    journey_id,
    step_id,
    sent_count,
    android_sent_count,
    ios_sent_count,
    other_platform_sent_count,
    failed_count,
    android_failed_count,
    ios_failed_count,
    other_platform_failed_count,
    clicked_count,
    android_clicked_count,
    ios_clicked_count,
    other_platform_clicked_count
from {{ ref('journey_step_channel_metrics') }}
where
    sent_count != android_sent_count + ios_sent_count + other_platform_sent_count
    or failed_count != android_failed_count + ios_failed_count + other_platform_failed_count
    or clicked_count != android_clicked_count + ios_clicked_count + other_platform_clicked_count
