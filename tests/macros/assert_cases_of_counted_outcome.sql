-- The table of cases of counted_outcome(): outcomes stay as they are written, and only an outcome has one.
with cases as (

    select *
    from (
        values
        ('step_outcome', 'yes', 'yes'),
        ('step_outcome', 'Yes', 'Yes'),
        ('step_outcome', null, '(none)'),
        ('step_entered', 'yes', null),
        ('message_sent', null, null)
    ) as listed (event_type, outcome, expected)

)

select *
from cases
where {{ counted_outcome('event_type', 'outcome') }} is distinct from expected
