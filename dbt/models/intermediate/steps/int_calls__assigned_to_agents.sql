-- Each call goes to the next free place among the agents of the payer's state, then among those who serve every state, then on
-- the reserve list.
with calls as (select * from {{ ref('int_calls__ranked') }}),

customers as (
    select
        customer_key,
        state
    from {{ ref('int_customers__unified') }}
),

agents as (select * from {{ ref('stg_policy__agents') }}),

slots as (select * from {{ ref('int_agents__daily_slots') }}),

capacities as (
    select
        pool,
        count(*) as places
    from slots
    group by pool
),

pools as (
    select
        calls.customer_key,
        coalesce(min(agents.states), '*') as pool
    from calls
    inner join customers on calls.customer_key = customers.customer_key
    left join agents on {{ list_holds('agents.states', 'customers.state') }}
    group by calls.customer_key
),

own_turns as (
    select
        calls.*,
        pools.pool as own_pool,
        row_number() over (partition by pools.pool order by calls.place) as own_turn
    from calls
    inner join pools on calls.customer_key = pools.customer_key
),

-- a call that finds the state's own agents full goes to those who serve every state
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
        coalesce(slots.name, 'reserva') as agent_name,
        slots.level,
        slots.max_discount_rate,
        slots.max_installments
    from turns
    left join slots
        on turns.pool = slots.pool
        and turns.turn = slots.turn
)

select * from assigned
