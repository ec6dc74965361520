-- The table of cases of lower_case(): letters of every script have one form, in whatever language the server speaks.
-- Only the Turkish capital of the dotted i has another small form on each engine.
with cases as (

    select *
    from (
        values
        ('ANDROID', 'android'),
        ('iOS', 'ios'),
        ('Message_Sent 1', 'message_sent 1'),
        ('KÄUFE', 'käufe'),
        ('ПОКУПКА', 'покупка'),
        ('ΑΓΟΡΑ', 'αγορα'),
        ('🎉', '🎉'),
        ('', ''),
        (null, null)
    ) as listed (written, expected)

)

select *
from cases
where {{ lower_case('written') }} is distinct from expected
