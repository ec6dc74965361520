{# Text without white space at its ends (S1); null when nothing is left. #}
{% macro clean_text(text) -%}
    {{ return(adapter.dispatch('clean_text', 'journey_analytics')(text)) }}
{%- endmacro %}

{#
    DuckDB's trim() is the dearest part of a cleaned row, and almost no value needs it: look at both ends first. A null is
    sent on with the others: a column of which all rows go one way stays the dictionary that it came as.
#}
{% macro duckdb__clean_text(text) -%}
    case
        when {{ text }} <= '!' or {{ text }}[-1] <= ' '
            then nullif(trim({{ text }}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), '')
        else {{ text }}
    end
{%- endmacro %}

{#
    Every text passes here once, so here it gets the order of its code points, whatever the order of the database is:
    a first or a next row must not depend on the language of a server. What is made of it keeps that order.
#}
{% macro postgres__clean_text(text) -%}
    nullif(btrim({{ text }}, E' \t\n\x0B\f\r'), '') collate "C"
{%- endmacro %}

{% macro spark__clean_text(text) -%}
    nullif(trim(both concat(' ', chr(9), chr(10), chr(11), chr(12), chr(13)) from {{ text }}), '')
{%- endmacro %}
