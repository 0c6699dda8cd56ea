with calls as (
    select * from {{ ref('int_calls__ranked') }}
),

customers as (
    select * from {{ ref('int_customers__unified') }}
),

ranking as (
    select * from {{ ref('dim_payer_ranking') }}
),

agents as (
    select * from {{ ref('stg_policy__agents') }}
),

negotiation as (
    select * from {{ ref('stg_policy__negotiation') }}
),

last_contacts as (
    select distinct on (customer_key)
        customer_key,
        contacted_on,
        channel,
        state,
        state_reason
    from {{ ref('fct_contacts') }}
    order by customer_key, contacted_on desc, contact_key
),

broken_promises as (
    select
        customer_key,
        cast(count(*) as integer) as promises
    from {{ ref('fct_promises') }}
    where state = 'broken'
    group by customer_key
),

hours as (
    select * from {{ ref('stg_policy__calling_hours') }}
    where day_kind = 'weekday'
),

national_hours as (
    select * from hours
    where state = 'BR'
),

-- agents who serve a list of states form a pool; the others serve whatever is left
pools as (
    select
        calls.customer_key,
        coalesce(min(agents.states), '*') as pool
    from calls
    inner join customers on calls.customer_key = customers.customer_key
    left join agents on ',' || agents.states || ',' like '%,' || customers.state || ',%'
    group by calls.customer_key
),

numbers as (
    select row_number() over (order by day) as number
    from {{ ref('stg_policy__calendar') }}
),

-- the agents of a pool take turns, each up to a day's capacity
slots as (
    select
        agents.*,
        coalesce(agents.states, '*') as pool,
        row_number() over (partition by coalesce(agents.states, '*') order by numbers.number, agents.agent_id) as turn
    from agents
    inner join numbers on numbers.number <= agents.daily_capacity
),

capacities as (
    select
        pool,
        count(*) as places
    from slots
    group by pool
),

own_turns as (
    select
        calls.*,
        pools.pool as own_pool,
        row_number() over (partition by pools.pool order by calls.place) as own_turn
    from calls
    inner join pools on calls.customer_key = pools.customer_key
),

-- whoever finds the state's own agents full goes to those who serve every state
placed as (
    select
        own_turns.*,
        case when own_turns.own_turn <= capacities.places then own_turns.own_pool else '*' end as pool
    from own_turns
    left join capacities on own_turns.own_pool = capacities.pool
),

turns as (
    select
        *,
        row_number() over (partition by pool order by place) as turn
    from placed
),

assigned as (
    select
        turns.*,
        coalesce(slots.agent_id, 'reserva') as agent_id,
        coalesce(slots.name, 'Reserva') as agent_name,
        slots.level,
        slots.max_discount_rate,
        slots.max_installments
    from turns
    left join slots
        on turns.pool = slots.pool
        and turns.turn = slots.turn
),

-- the band's limit for the agent's level, else for every level
bands as (
    select distinct on (assigned.customer_key)
        assigned.customer_key,
        negotiation.max_discount_rate,
        negotiation.max_installments
    from assigned
    inner join negotiation
        on negotiation.level in (assigned.level, '*')
        and assigned.days_past_due >= negotiation.from_day
        and assigned.days_past_due <= coalesce(negotiation.to_day, assigned.days_past_due)
    order by assigned.customer_key, (negotiation.level = '*')
)

select
    {{ business_date() }} as business_date,
    assigned.message_key,
    assigned.customer_key,
    assigned.agent_id,
    assigned.agent_name,
    cast(row_number() over (partition by assigned.agent_id order by assigned.place) as integer) as queue_position,
    assigned.priority,
    'atraso de ' || assigned.days_past_due || ' dias, recuperação esperada de ' || assigned.recovery_percent || '%'
    || case ranking.payer_class
        when 'viciado' then '; costuma atrasar poucos dias'
        when 'irregular' then '; pagador irregular'
        when 'critico' then '; histórico crítico'
        when 'novo' then '; cliente novo'
        else '; bom pagador'
    end
    || case assigned.reason
        when 'invalid_email' then '; e-mail inválido'
        when 'refused_email' then
            '; último e-mail não pôde ser enviado'
            || case when last_contacts.state = 'rejected' then coalesce(': ' || last_contacts.state_reason, '') else '' end
        when 'no_email' then '; sem e-mail'
        when 'opted_out' then '; não aceita e-mail'
        when 'delivery_unknown' then '; e-mail sem confirmação de entrega'
        else ''
    end
    || case
        when broken_promises.promises > 0 then '; promessa não cumprida'
        else ''
    end as priority_reason,
    customers.customer_name,
    {{ masked_tax_id('customers.tax_id') }} as tax_id_masked,
    customers.phone,
    customers.city,
    customers.state,
    customers.segment,
    ranking.payer_class,
    ranking.score,
    assigned.currency,
    assigned.receivables,
    assigned.open_amount,
    assigned.amount_due,
    assigned.other_currencies,
    assigned.oldest_due_date,
    assigned.days_past_due,
    assigned.aging_band,
    assigned.step,
    assigned.step_offset,
    assigned.template,
    assigned.episode_key,
    last_contacts.contacted_on as last_contact_on,
    last_contacts.channel as last_contact_channel,
    last_contacts.state as last_contact_state,
    -- whoever is on the reserve list has no limits until somebody takes the case
    case when assigned.level is not null then least(assigned.max_discount_rate, bands.max_discount_rate) end as max_discount_rate,
    case when assigned.level is not null then least(assigned.max_installments, bands.max_installments) end as max_installments,
    coalesce(hours.starts_at, national_hours.starts_at) || '–' || coalesce(hours.ends_at, national_hours.ends_at) as calling_window,
    assigned.policy_version,
    assigned.reason
from assigned
inner join customers on assigned.customer_key = customers.customer_key
left join bands on assigned.customer_key = bands.customer_key
inner join ranking on assigned.customer_key = ranking.customer_key
left join last_contacts on assigned.customer_key = last_contacts.customer_key
left join broken_promises on assigned.customer_key = broken_promises.customer_key
left join hours on customers.state = hours.state
left join national_hours on true
