with promises as (
    select * from {{ ref('stg_ledger__promises') }}
    where made_on < {{ business_date() }}
),

limits as (select * from {{ ref('stg_policy__limits') }}),

terms as (
    select * from {{ ref('int_terms__dated') }}
    where kind = 'promise'
),

payments as (
    select * from {{ ref('int_payments__joined_to_receivables') }}
    where kind in ('payment', 'reversal')
),

renamed as (select * from {{ ref('int_customer_keys__remapped') }}),

termed as (
    select
        promises.*,
        terms.last_day,
        terms.missed_from,
        terms.is_over,
        limits.promise_kept_share
    from promises
    inner join terms on promises.promise_id = terms.term_id
    cross join limits
),

promisers as (
    select
        termed.promise_id,
        coalesce(renamed.customer_key, termed.customer_key) as customer_key
    from termed
    left join renamed on {{ is_renamed('termed.customer_key', 'termed.made_on') }}
),

fitting as (
    select
        payments.source,
        payments.payment_id,
        termed.promise_id,
        termed.made_on,
        payments.amount
    from payments
    inner join promisers on payments.customer_key = promisers.customer_key
    inner join termed
        on promisers.promise_id = termed.promise_id
        and payments.currency = termed.currency
        and payments.paid_on between termed.made_on and termed.last_day
),

-- one payment fulfils one promise, the oldest that it fits
allotted as (
    {{ first_rows('fitting', per=['source', 'payment_id'], order_by=['made_on', 'promise_id']) }}
),

paid as (
    select
        promise_id,
        sum(amount) as paid_amount
    from allotted
    group by promise_id
),

measured as (
    select
        termed.*,
        {{ money('coalesce(paid.paid_amount, 0)') }} as paid_amount
    from termed
    left join paid on termed.promise_id = paid.promise_id
)

select
    measured.promise_id,
    coalesce(renamed.customer_key, measured.customer_key) as customer_key,
    measured.customer_key as recorded_key,
    measured.made_on,
    measured.promised_on,
    measured.last_day,
    measured.missed_from,
    measured.currency,
    measured.amount,
    measured.paid_amount,
    case
        when measured.paid_amount >= measured.amount * measured.promise_kept_share then 'kept'
        when not measured.is_over then 'open'
        when measured.paid_amount > 0 then 'partial'
        else 'broken'
    end as state,
    measured.agent_id
from measured
left join renamed
    on measured.customer_key = renamed.former_key
    and renamed.is_listed
