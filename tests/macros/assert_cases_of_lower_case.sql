-- The table of cases of lower_case(): letters of every script have one form, in whatever language the server speaks.
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
        ('ΑΓΟΡΕΣ', 'αγορες'),
        ('ΑΓΟΡΈΣ_ΣΉΜΕΡΑ ΣΑΣ', 'αγορές_σήμερα σας'),
        ('ΣΣ', 'σς'),
        ('Σ', 'σ'),
        ('1Σ ΑΣ1', '1σ ας1'),
        ('ΑΣ.Β ΑΣ.', 'ασ.β ας.'),
        ('ΑΣ’Β', 'ασ’β'),
        ('İSTANBUL', 'i̇stanbul'),
        ('🎉', '🎉'),
        ('', ''),
        (null, null)
    ) as listed (written, expected)

)

select *
from cases
where {{ lower_case('written') }} is distinct from expected
