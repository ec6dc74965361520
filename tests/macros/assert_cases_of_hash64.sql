-- The table of cases of hash64(): equal texts have equal hashes, so that a redelivery is never overlooked, and texts
-- that differ a little do not. Different hashes for all texts are promised to nobody, only for these.
with cases as (

    select *
    from (
        values
        ('', ''),
        ('a', 'a'),
        ('event-0000000000000000000000000000001', 'event-0000000000000000000000000000001'),
        ('ö', 'ö'),
        ('a', 'A'),
        ('a', 'a '),
        ('event-0000000000000000000000000000001', 'event-0000000000000000000000000000002'),
        ('ö', 'o')
    ) as listed (one, another)

)

select *
from cases
where ({{ hash64('one') }} = {{ hash64('another') }}) is distinct from (one = another)
