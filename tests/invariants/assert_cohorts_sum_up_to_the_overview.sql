-- Every user who entered a journey is in one cohort of it. A user in two cohorts, or in none, would leave each cohort
-- plausible by itself and the conversion rates of all of them wrong.
with cohorts as (

    select
        journey_id,
        sum(entry_user_count) as entry_user_count,
        sum(converted_users) as converted_users,
        sum(matured_entry_user_count) as matured_entry_user_count,
        sum(matured_converted_users) as matured_converted_users
    from {{ ref('journey_entry_cohorts') }}
    group by journey_id

)

select
    coalesce(cohorts.journey_id, overview.journey_id) as journey_id,
    cohorts.entry_user_count as cohort_users,
    overview.entry_user_count,
    cohorts.converted_users as cohort_converted_users,
    overview.converted_users,
    cohorts.matured_entry_user_count as cohort_matured_users,
    overview.matured_entry_user_count,
    cohorts.matured_converted_users as cohort_matured_converted_users,
    overview.matured_converted_users
from cohorts
full outer join {{ ref('journey_overview') }} as overview on cohorts.journey_id = overview.journey_id
where
    coalesce(cohorts.entry_user_count, 0) is distinct from overview.entry_user_count
    or coalesce(cohorts.converted_users, 0) is distinct from overview.converted_users
    or coalesce(cohorts.matured_entry_user_count, 0) is distinct from overview.matured_entry_user_count
    or coalesce(cohorts.matured_converted_users, 0) is distinct from overview.matured_converted_users
