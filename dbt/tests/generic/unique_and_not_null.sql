{% test unique_and_not_null(model, column_name) %}
-- Rows without a key, and keys that occur more than once, in one look at the table.
select
    {{ column_name }},
    count(*) as occurrences
from {{ model }}
group by {{ column_name }}
having count(*) > 1 or {{ column_name }} is null
{% endtest %}
