-- Grain: one rejected row of a user event. A table of its own, so that nobody looks for these few among all rows.
with rejected as (

    select
        reject_reason,
        event_id,
        user_id,
        event_name,
        occurred_at_raw,
        loaded_at,
        batch_number
    from {{ ref('int_user_event_rows') }}
    where reject_reason is not null
    {% if is_incremental() %}
    and batch_number > {{ processed_up_to(this) }}
    {% endif %}

)

select * from rejected
