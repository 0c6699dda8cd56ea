-- Messages and calls for payers in whose city or state the company rests tonight.
select
    decisions.customer_key,
    decisions.decision,
    placed.place
from {{ ref('fct_decisions') }} as decisions
inner join {{ ref('int_customers__calendar_resolved') }} as placed on decisions.customer_key = placed.customer_key
where
    decisions.decision in ('remind', 'call')
    and not placed.is_contact_day
