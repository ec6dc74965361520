-- Each entry is converted, active, or exited with an open or a closed window. A state that no column counts, or that
-- two columns count, would make a journey's entries add up to something else than all of them.
select
    journey_id,
    total_entries,
    converted_entries,
    active_entries,
    exited_window_open_entries,
    exited_window_closed_entries,
    total_exits
from {{ ref('journey_overview') }}
where
    total_entries is distinct from
    converted_entries + active_entries + exited_window_open_entries + exited_window_closed_entries
    or total_exits is distinct from exited_window_open_entries + exited_window_closed_entries
