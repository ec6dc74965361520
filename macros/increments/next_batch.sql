{#
    The number of the batch that this run brings into an incremental table: its start in microseconds, and more than the
    last one in any case. So a rebuilt table gets a higher number than anything taken from the old one, and is taken in anew.
#}
{% macro next_batch() -%}
    {%- set run_number = (run_started_at.timestamp() * 1000000) | int -%}
    {%- if is_incremental() -%}
        greatest({{ run_number }}, {{ processed_up_to(this) }} + 1)
    {%- else -%}
        cast({{ run_number }} as bigint)
    {%- endif -%}
{%- endmacro %}
