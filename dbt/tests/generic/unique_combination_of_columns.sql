{% test unique_combination_of_columns(model, columns) %}
-- Combinations of these columns that occur more than once.
select
    {{ columns | join(', ') }},
    count(*) as occurrences
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
