-- Messages taken by the provider and calls that reached a person, next to the attempts that reached no one and the contacts that
-- were left out on purpose.
with cases as ({{ by_book(ref('int_contacts__payments_after_contact')) }}),

grouped as (
    select
        {{ business_date() }} as business_date,
        coalesce(step, '-') as step,
        step_offset,
        channel,
        arm,
        book as creditor,
        currency,
        count(distinct contact_key) as contacts,
        count(distinct case when is_observed then contact_key end) as observed_contacts,
        count(distinct case when is_observed then customer_key end) as customers,
        cast(sum(case when is_observed then 1 else 0 end) as bigint) as receivables,
        {{ money('sum(case when is_observed then balance else 0 end)') }} as open_amount,
        cast(sum(case when is_observed and received_after > 0 then 1 else 0 end) as bigint) as paid_receivables,
        {{ money('sum(case when is_observed then least(received_after, balance) else 0 end)') }} as paid_amount
    from cases
    group by step, step_offset, channel, arm, book, currency
)

select
    *,
    {{ ratio('paid_receivables', 'receivables') }} as paid_receivables_share,
    {{ ratio('paid_amount', 'open_amount') }} as paid_share
from grouped
