"""Plain DuckDB over the same Parquet: the least that the transform's work could cost.

``HEART`` is aging and ranking alone. ``WHOLE`` makes what a night's build hands on (open
receivables with charges, aging, ranking, one decision a receivable, messages, calls, and finance's
history), without the checks, the reasons, the places, the régua's versions and the other engines.
"""

HEART = {
    "aging": """
        select
            customer_id,
            currency,
            case
                when days <= 0 then 'not_due' when days <= 30 then '1-30'
                    when days <= 60 then '31-60'
                when days <= 90 then '61-90' when days <= 180 then '91-180' else '181+'
            end as aging_band,
            count(*) as receivables,
            sum(open_amount) as open_amount
        from (
            select
                r.customer_id,
                r.currency,
                date '{night}' - r.due_date as days,
                r.amount - coalesce(p.paid, 0) as open_amount
            from read_parquet('{receivables}') as r
            left join (
                select receivable_id, sum(amount) as paid from read_parquet('{payments}')
                    where paid_on <= '{night}' group by 1
            ) as p using (receivable_id)
            where r.status = 'open'
        )
        where open_amount > 0
        group by all
    """,
    "ranking": """
        select
            r.customer_id,
            count(*) as settled,
            avg(case when p.paid_on <= r.due_date then 1 else 0 end) as on_time_rate,
            avg(greatest(p.paid_on - r.due_date, 0)) as mean_days_late,
            max(p.paid_on - r.due_date) as max_days_late,
            rank() over (order by avg(greatest(p.paid_on - r.due_date, 0))) as rank
        from read_parquet('{receivables}') as r
        join (
            select receivable_id, max(paid_on) as paid_on, sum(amount) as paid
            from read_parquet('{payments}') where paid_on <= '{night}' group by 1
        ) as p using (receivable_id)
        where p.paid >= r.amount
        group by r.customer_id
    """,
}

_BAND = """case
    when {days} <= 0 then 'not_due' when {days} <= 30 then '1-30' when {days} <= 60 then '31-60'
    when {days} <= 90 then '61-90' when {days} <= 180 then '91-180' else '181+'
end"""

WHOLE = {
    "balances": """
        select
            r.receivable_id, r.customer_id, c.contract_type, c.state, r.currency,
                r.document_number, r.issue_date, r.due_date,
            d.effective_date, r.amount, coalesce(p.paid, 0) as paid,
            r.amount - coalesce(p.paid, 0) as balance,
            case when r.status <> 'open' then r.status
                when r.amount > coalesce(p.paid, 0) then 'open' else 'settled' end
            as status,
            p.last_paid_on, r.fine_rate, r.monthly_interest_rate, coalesce(r.disputed, false)
                as is_disputed
        from read_parquet('{receivables}') as r
        join read_parquet('{customers}') as c using (customer_id)
        join (select * from read_parquet('{calendar}')
            where place = 'BR') as d on d.day = r.due_date
        left join (
            select receivable_id, sum(amount) as paid, max(paid_on) as last_paid_on
            from read_parquet('{payments}') where paid_on <= '{night}' group by 1
        ) as p using (receivable_id)
        where coalesce(r.issue_date <= '{night}', true)
    """,
    "open_receivables": """
        select
            b.*,
            date '{night}' - b.effective_date as days_past_due,
            {band} as aging_band,
            case when b.effective_date < '{night}' then
                round(b.amount * least(coalesce(b.fine_rate, 0.02), 0.02), 2) else 0 end
            as fine,
            case when b.effective_date < '{night}' then round(
                coalesce(b.monthly_interest_rate, 0.01) / 30 * (
                    b.amount * (date '{night}' - b.effective_date) - coalesce(p.paid_days, 0)
                ), 2
            ) else 0 end as interest
        from balances as b
        left join (
            select
                p.receivable_id,
                sum(p.amount * (date '{night}' - greatest(p.paid_on, b.effective_date)))
                    as paid_days
            from read_parquet('{payments}') as p join balances as b using (receivable_id)
            where b.status = 'open' and p.paid_on <= '{night}' group by 1
        ) as p using (receivable_id)
        where b.status = 'open'
    """,
    "aging": """
        select customer_id, currency, aging_band, count(*), sum(balance),
            sum(balance + fine + interest)
        from open_receivables group by all
    """,
    "late_charges": """
        select b.receivable_id, round(b.amount * 0.02, 2) as fine,
            round(
                b.amount * coalesce(b.monthly_interest_rate, 0.01) / 30
                * (b.last_paid_on - b.effective_date), 2
            ) as interest
        from balances as b
        where b.status = 'settled' and b.last_paid_on > b.effective_date
            and b.last_paid_on > date '{night}' - interval '13 months'
    """,
    "ranking": """
        select
            c.customer_id, c.name, c.segment, c.state, coalesce(s.settled, 0) as settled,
                s.on_time_rate, s.mean_days_late,
            s.weighted_days_late, s.max_days_late, o.overdue, o.days_past_due,
            row_number() over (order by coalesce(s.on_time_rate, 0.7) desc, c.customer_id) as rank,
            case when o.days_past_due > 60 then 'critico'
                when coalesce(s.settled, 0) < 3 then 'novo'
                when s.on_time_rate >= 0.9 then 'pontual'
                    when s.max_days_late <= 10 then 'viciado' else 'irregular' end
            as payer_class
        from read_parquet('{customers}') as c
        left join (
            select customer_id, count(*) as settled,
                avg(case when last_paid_on <= effective_date then 1 else 0 end) as on_time_rate,
                avg(greatest(last_paid_on - effective_date, 0)) as mean_days_late,
                max(last_paid_on - effective_date) as max_days_late,
                sum(amount * greatest(last_paid_on - effective_date, 0)) / sum(amount)
                    as weighted_days_late
            from balances where status = 'settled' and paid > 0 group by 1
        ) as s using (customer_id)
        left join (
            select customer_id, sum(balance) as overdue, max(days_past_due) as days_past_due
            from open_receivables where days_past_due > 0 and not is_disputed group by 1
        ) as o using (customer_id)
    """,
    "decisions": """
        select
            r.*, k.payer_class, c.receivable_id as carrier,
            case
                when r.is_disputed then 'hold' when r.days_past_due < -3 then 'not_due'
                when r.days_past_due <= 0 and k.payer_class = 'pontual' then 'preventive_not_needed'
                when r.receivable_id <> c.receivable_id then 'carried_by_other' else 'step_due'
                    end as reason,
            case when r.days_past_due > 30 then 'call'
                when r.days_past_due >= -3 then 'remind' else 'none' end as decision
        from open_receivables as r
        join ranking as k using (customer_id)
        left join (
            select customer_id, arg_max(receivable_id, days_past_due) as receivable_id
            from open_receivables where days_past_due >= -3 group by 1
        ) as c using (customer_id)
    """,
    "reminders": """
        select d.*, c.name, c.email, r.boleto_line, r.pix_code, r.payment_url
        from decisions as d
        join read_parquet('{customers}') as c using (customer_id)
        join read_parquet('{receivables}') as r using (receivable_id)
        where d.decision = 'remind'
    """,
    "calls": """
        select d.*, c.name, c.phone, row_number() over (order by d.balance desc, customer_id)
            as place
        from (
            select customer_id, currency, count(*) as receivables, sum(balance) as balance
            from decisions where decision = 'call' group by 1, 2
        ) as d
        join read_parquet('{customers}') as c using (customer_id)
    """,
    "history": """
        with ends as (
            select unnest(range(13))::integer as back,
                last_day(date '{night}' - to_months(back + 1)) as day,
                least(last_day(date '{night}' - to_months(back)), date '{night}') as next_day
        ),
        alive as (
            select e.day, e.next_day, b.receivable_id, b.customer_id, b.currency, b.amount,
                e.day - b.effective_date as days, {history_band} as aging_band
            from balances as b join ends as e
                on e.day >= coalesce(b.issue_date, b.due_date)
                    and (b.status <> 'settled' or e.day < b.last_paid_on)
            where b.status in ('open', 'settled')
        ),
        paid as (
            select
                a.day, a.receivable_id,
                sum(case when p.paid_on <= a.day then p.amount else 0 end) as before,
                sum(case when p.paid_on > a.day then p.amount else 0 end) as after
            from alive as a join read_parquet('{payments}') as p
                on p.receivable_id = a.receivable_id and p.paid_on <= a.next_day
            group by 1, 2
        )
        select day, currency, customer_id, aging_band, sum(amount - coalesce(before, 0)) as balance,
            sum(coalesce(after, 0)) as received, max(days) as days
        from alive left join paid using (day, receivable_id)
        group by grouping sets ((day, currency, aging_band), (day, currency, customer_id))
    """,
    "cohorts": """
        select b.currency, b.effective_date, count(*), sum(b.amount),
            sum(p.received_0), sum(p.received_30), sum(p.received_60), sum(p.received_90),
                sum(p.received_180)
        from balances as b
        left join (
            select p.receivable_id,
                sum(case when p.paid_on <= b.effective_date then p.amount else 0 end) as received_0,
                sum(case when p.paid_on <= b.effective_date + 30 then p.amount else 0 end)
                    as received_30,
                sum(case when p.paid_on <= b.effective_date + 60 then p.amount else 0 end)
                    as received_60,
                sum(case when p.paid_on <= b.effective_date + 90 then p.amount else 0 end)
                    as received_90,
                sum(case when p.paid_on <= b.effective_date + 180 then p.amount else 0 end)
                    as received_180
            from read_parquet('{payments}') as p join balances as b using (receivable_id) group by 1
        ) as p using (receivable_id)
        where b.effective_date <= '{night}' group by 1, 2
    """,
    "sales": (
        "select currency, date_trunc('month', issue_date), sum(amount) from balances group by 1, 2"
    ),
}


def statements(queries: dict[str, str], **places: str) -> list[str]:
    """The ``create table`` statements of a floor, its files and night filled in."""
    bands = {
        "band": _BAND.format(days=f"(date '{places['night']}' - b.effective_date)"),
        "history_band": _BAND.format(days="(e.day - b.effective_date)"),
    }
    return [
        f"create table {name} as {query.format(**bands, **places)}"
        for name, query in queries.items()
    ]
