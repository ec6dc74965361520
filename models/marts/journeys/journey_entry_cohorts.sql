-- Grain: one journey and UTC day on which users entered it for the first time.
with cohorts as (

    select * from {{ ref('int_journey_cohorts') }}

),

rated as (

    select
        journey_id,
        cohort_date,
        entry_user_count,
        converted_users,
        {{ percentage('converted_users', 'entry_user_count') }} as conversion_rate_pct,
        matured_entry_user_count,
        matured_converted_users,
        {{ percentage('matured_converted_users', 'matured_entry_user_count') }} as matured_conversion_rate_pct
    from cohorts

)

select * from rated
