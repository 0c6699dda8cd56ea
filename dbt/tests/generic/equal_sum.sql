{% test equal_sum(model, column_name, to_model, to_column=none, by=[], where='true', to_where='true') %}
-- Groups whose sum differs between the two models, to the cent.
with both_sides as (
    select
        {% for key in by %}{{ key }},{% endfor %}
        {{ column_name }} as amount
    from {{ model }}
    where {{ where }}

    union all

    select
        {% for key in by %}{{ key }},{% endfor %}
        -({{ to_column or column_name }})
    from {{ to_model }}
    where {{ to_where }}
)

select
    {% for key in by %}{{ key }},{% endfor %}
    sum(amount) as difference
from both_sides
{% if by %}group by {{ by | join(', ') }}{% endif %}
having sum(amount) <> 0
{% endtest %}
