{% test known_aging_band(model, column_name) %}
-- Rows that stand in no band of the policy.
select *
from {{ model }}
where coalesce({{ column_name }}, '') not in ('{{ band_names() | join("', '") }}')
{% endtest %}
