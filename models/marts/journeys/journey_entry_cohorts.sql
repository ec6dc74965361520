-- Grain: one journey and UTC day on which users entered it for the first time.
with users as (

    select * from {{ ref('int_journey_users') }}

),

cohorts as (

    select
        journey_id,
        cast(first_entered_at as date) as cohort_date,
        count(*) as entry_user_count,
        count(first_converted_at) as converted_users,
        count(*) filter (where is_matured) as matured_entry_user_count,
        count(first_converted_at) filter (where is_matured) as matured_converted_users
    from users
    group by journey_id, cast(first_entered_at as date)

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
