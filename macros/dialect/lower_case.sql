{# Text in lower case, letters of all scripts, for words that are compared without regard to case (S1). #}
{% macro lower_case(text) -%}
    {{ return(adapter.dispatch('lower_case', 'journey_analytics')(text)) }}
{%- endmacro %}

{% macro default__lower_case(text) -%} lower({{ text }}) {%- endmacro %}

{# In its own order of code points it lowers nothing but A to Z, and in that of a server what its language says. #}
{% macro postgres__lower_case(text) -%} lower(({{ text }}) collate "und-x-icu") collate "C" {%- endmacro %}
