{# Makes a staging model wait for the sample seed of its raw table, as long as the sample is what it reads. #}
{% macro after_sample_seed(table) -%}
    {%- if reads_sample() -%} after seed {{ ref(table) }} {%- else -%} not from the sample {%- endif -%}
{%- endmacro %}

{# The sample stands in while nobody says where the raw data is. #}
{% macro reads_sample() -%}
    {{ return(env_var('JOURNEY_RAW_PATH', '') == '' and var('raw_schema') == 'raw') }}
{%- endmacro %}
