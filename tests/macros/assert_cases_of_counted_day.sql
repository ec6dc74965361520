-- The table of cases of counted_day(): only what was sent has a day, to its last microsecond.
with cases as (

    select *
    from (
        values
        ('message_sent', '2026-01-31 00:00:00', '2026-01-31'),
        ('message_sent', '2026-01-31 23:59:59.999999', '2026-01-31'),
        ('message_shown', '2026-01-31 12:00:00', null),
        ('step_entered', '2026-01-31 12:00:00', null)
    ) as listed (event_type, occurred_at, expected)

)

select *
from cases
where {{ counted_day('event_type', 'cast(occurred_at as timestamp)') }} is distinct from cast(expected as date)
