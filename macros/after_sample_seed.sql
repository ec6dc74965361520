{# Makes a staging model wait for the sample seed of its raw table, as long as the sample is what it reads. #}
{% macro after_sample_seed(table) -%}
    {%- if env_var('JOURNEY_RAW_PATH', '') == '' -%}
        after seed {{ ref(table) }}
    {%- else -%}
        from JOURNEY_RAW_PATH
    {%- endif -%}
{%- endmacro %}
