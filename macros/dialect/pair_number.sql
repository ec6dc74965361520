{#
    What tells a user in a journey from all others for the length of one statement: sorting by it takes half the time of
    sorting by two texts. It is stored nowhere, so nothing depends on the order in which numbers are given.
#}
{% macro pair_number(journey_id, user_id) -%}
    {{ return(adapter.dispatch('pair_number', 'journey_analytics')(journey_id, user_id)) }}
{%- endmacro %}

{% macro default__pair_number(journey_id, user_id) -%} row_number() over () {%- endmacro %}

{# Numbering all rows would bring them to one executor, and a number given twice could differ: the pair itself is both. #}
{% macro spark__pair_number(journey_id, user_id) -%} struct({{ journey_id }}, {{ user_id }}) {%- endmacro %}
