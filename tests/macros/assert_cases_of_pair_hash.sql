-- The table of cases of pair_hash(): the same user in the same journey has the same hash, so that a touched pair is
-- never overlooked, and moving a letter from one id to the other is another pair.
with cases as (

    select *
    from (
        values
        ('a', 'bc', 'a', 'bc'),
        ('', '', '', ''),
        ('a', 'bc', 'ab', 'c'),
        ('a', 'bc', 'bc', 'a'),
        ('a', 'bc', 'a', 'BC'),
        ('a', 'a', 'b', 'b'),
        ('', 'a', 'a', '')
    ) as listed (journey_id, user_id, other_journey_id, other_user_id)

)

select *
from cases
where
    ({{ pair_hash('journey_id', 'user_id') }} = {{ pair_hash('other_journey_id', 'other_user_id') }})
    is distinct from (journey_id = other_journey_id and user_id = other_user_id)
