-- The last day on which a way to reach a payer was lost, as far as it is known: a wish, an agent's word, a message that did not
-- arrive.
with lost as (
    select
        customer_key,
        opted_out_on as lost_on
    from {{ ref('int_customers__wishes') }}
    where opted_out_on is not null

    union all

    select
        customer_key,
        contacted_on as lost_on
    from {{ ref('int_outcomes__remapped') }}
    where effect in ('do_not_call', 'wrong_number')

    union all

    select
        customer_key,
        contacted_on as lost_on
    from {{ ref('int_customers__last_contact') }}
    where state in ('sending', 'unknown', 'bounced', 'rejected', 'undelivered', 'complained')
)

select
    customer_key,
    max(lost_on) as lost_on
from lost
group by customer_key
