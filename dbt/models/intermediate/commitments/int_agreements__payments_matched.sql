-- What was paid toward each agreement: money for its debts, or for the instalments that the source booked, counts for the
-- agreement that was made last before it.
with scheduled as (select * from {{ ref('int_agreements__scheduled') }}),

receipts as (
    select * from {{ ref('int_commitments__receipts') }}
    where kind = 'agreement'
),

counted as (
    {{ first_rows(
        'receipts',
        per=['source', 'payment_id'],
        order_by=['made_on desc', 'commitment_id'],
        columns=['source', 'payment_id', 'commitment_id', 'lasting_amount']
    ) }}
),

paid as (
    select
        commitment_id as agreement_id,
        sum(lasting_amount) as paid_amount
    from counted
    group by commitment_id
),

booked as (
    select distinct agreement_id from {{ ref('int_agreements__instalments_booked') }}
),

matched as (
    select
        scheduled.*,
        {{ money('coalesce(paid.paid_amount, 0)') }} as paid_amount,
        booked.agreement_id is not null as is_booked_by_source
    from scheduled
    left join paid on scheduled.agreement_id = paid.agreement_id
    left join booked on scheduled.agreement_id = booked.agreement_id
)

select * from matched
