{#
    The number of the batch that this run brings into an incremental table: its start in microseconds, and more than the
    last one in any case. So a rebuilt table gets a higher number than anything taken from the old one, and is taken in
    anew, also when the clock was turned back since.
#}
{% macro next_batch() -%}
    {%- set run_number = (run_started_at.timestamp() * 1000000) | int -%}
    {%- if is_incremental() or rebuilds_batches() -%}
        greatest({{ run_number }}, {{ processed_up_to(this) }} + 1)
    {%- else -%}
        cast({{ run_number }} as bigint)
    {%- endif -%}
{%- endmacro %}

{# Whether a full refresh replaces a table whose rows have batches: one of an early version has none. #}
{% macro rebuilds_batches() -%}
    {%- set existing = load_relation(this) if execute and flags.FULL_REFRESH -%}
    {{ return(existing and 'batch_number' in adapter.get_columns_in_relation(existing) | map(attribute='name')) }}
{%- endmacro %}
