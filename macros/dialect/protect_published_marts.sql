{#
    On-run-start hook. On a server a scheduled run publishes what readers see, and a build by hand would change
    it under their eyes, a table at a time.
#}
{% macro protect_published_marts() -%}
    {{ return(adapter.dispatch('protect_published_marts', 'journey_analytics')()) }}
{%- endmacro %}

{% macro default__protect_published_marts() -%} {%- endmacro %}

{% macro postgres__protect_published_marts() -%}
    {%- set builds_there = execute and var('marts_schema', 'marts') == 'marts' -%}
    {%- if builds_there and adapter.get_relation(target.database, 'marts', 'run_history') is not none -%}
        {%- do exceptions.raise_compiler_error(
            'Schema marts is published by scripts/refresh_marts.py: build in another one, '
            ~ "with --vars '{marts_schema: marts_build}', or in another database."
        ) -%}
    {%- endif -%}
{%- endmacro %}
