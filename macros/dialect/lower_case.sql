{# Text in lower case, letters of all scripts, for words that are compared without regard to case (S1). #}
{% macro lower_case(text) -%}
    {{ return(adapter.dispatch('lower_case', 'journey_analytics')(text)) }}
{%- endmacro %}

{% macro default__lower_case(text) -%} lower({{ text }}) {%- endmacro %}

{#
    DuckDB lowers letter by letter. Two letters want more: a capital sigma is another one at the end of a word, and the
    dotted capital I keeps its dot.
#}
{% macro duckdb__lower_case(text) -%}
    case
        when contains({{ text }}, 'Σ') or contains({{ text }}, 'İ')
            then lower(regexp_replace(replace({{ text }}, 'İ', 'i̇'), '{{ _sigma_at_the_end_of_a_word() }}', '\1ς\2', 'g'))
        else lower({{ text }})
    end
{%- endmacro %}

{# Spark knows both letters, but has ends of words of its own. #}
{% macro spark__lower_case(text) -%}
    case
        when contains({{ text }}, 'Σ')
            then lower(replace(regexp_replace({{ text }}, r'{{ _sigma_at_the_end_of_a_word() }}', '$1ς$2'), 'Σ', 'σ'))
        else lower({{ text }})
    end
{%- endmacro %}

{# Unicode's rule, as a pattern: after a letter and before none, whatever points and accents (\x27 is ') lie between. #}
{% macro _sigma_at_the_end_of_a_word() -%}
    {%- set letter = '\\p{Lu}\\p{Ll}\\p{Lt}' -%}
    {%- set between = '\\p{Mn}\\p{Me}\\p{Cf}\\p{Lm}\\p{Sk}\\x27.:·’' -%}
    ([{{ letter }}][{{ between }}]*)Σ([{{ between }}]*([^{{ letter }}{{ between }}]|$))
{%- endmacro %}

{# In its own order of code points it lowers nothing but A to Z, and in that of a server what its language says. #}
{% macro postgres__lower_case(text) -%} lower(({{ text }}) collate "und-x-icu") collate "C" {%- endmacro %}
