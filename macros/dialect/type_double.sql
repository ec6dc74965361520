{# The engine's name of a 64-bit floating point number. #}
{% macro type_double() -%}
    {{ return(adapter.dispatch('type_double', 'journey_analytics')()) }}
{%- endmacro %}

{% macro default__type_double() -%} double {%- endmacro %}

{% macro postgres__type_double() -%} double precision {%- endmacro %}

{# Contracts name the type as most engines do. dbt calls this before it writes the columns of a contract. #}
{% macro postgres__get_assert_columns_equivalent(sql) -%}
    {%- for column in model.columns.values() if column.data_type == 'double' -%}
        {%- do column.update({'data_type': type_double()}) -%}
    {%- endfor -%}
    {{ return(default__get_assert_columns_equivalent(sql)) }}
{%- endmacro %}
