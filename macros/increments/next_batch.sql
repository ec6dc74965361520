{#
    The number of the batch that this run brings into an incremental table: its start in microseconds, and more than the
    last one in any case. So a rebuilt table gets a higher number than anything taken from the old one, and is taken in
    anew, also when the clock was turned back since.
#}
{% macro next_batch() -%}
    {%- set run_number = (run_started_at.timestamp() * 1000000) | int -%}
    {%- if is_incremental() -%}
        greatest({{ run_number }}, {{ processed_up_to(this) }} + 1)
    {%- else -%}
        cast({{ [run_number, last_batch_before_rebuild() + 1] | max }} as bigint)
    {%- endif -%}
{%- endmacro %}

{#
    Asked before a full refresh replaces the table, because Spark drops it first. One of an early version has no batches,
    and a unit test no table.
#}
{% macro last_batch_before_rebuild() -%}
    {%- set existing = load_relation(this) if this and execute and flags.FULL_REFRESH -%}
    {%- if existing and 'batch_number' in adapter.get_columns_in_relation(existing) | map(attribute='name') -%}
        {{ return(run_query('select ' ~ processed_up_to(existing)).columns[0].values() | first | int) }}
    {%- endif -%}
    {{ return(0) }}
{%- endmacro %}
