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

)

select * from cohorts
