{# A folder's schema is the schema's name: staging, intermediate, marts, raw - never prefixed by the target's. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
