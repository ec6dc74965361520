-- The table of cases of counted_platform(): only two platforms have a name of their own, only three events a platform.
with cases as (

    select *
    from (
        values
        ('message_sent', 'android', 'android'),
        ('message_failed', 'ios', 'ios'),
        ('message_clicked', 'windows', 'other_platform'),
        ('message_sent', 'ios_simulator', 'other_platform'),
        ('message_sent', null, 'other_platform'),
        ('message_shown', 'android', null),
        ('step_entered', 'windows', null),
        ('step_outcome', null, null)
    ) as listed (event_type, platform, expected)

)

select *
from cases
where {{ counted_platform('event_type', 'platform') }} is distinct from expected
