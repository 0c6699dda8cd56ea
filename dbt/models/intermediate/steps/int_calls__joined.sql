-- What other creditors ask on the call to a payer, each apart, with the agent who makes the call.
with asked as (
    select * from {{ ref('int_calls__asked') }}
    where
        is_same_call
        and is_in_carrier_currency
),

assigned as (select * from {{ ref('int_calls__assigned_to_agents') }})

select
    asked.*,
    assigned.agent_id,
    assigned.level,
    assigned.max_discount_rate,
    assigned.max_installments
from asked
inner join assigned on asked.customer_key = assigned.customer_key
