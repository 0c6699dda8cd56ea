with agents as (
    select
        *,
        -- agents who serve a list of states form a pool; the others serve whatever is left
        coalesce(states, '*') as pool
    from {{ ref('stg_policy__agents') }}
),

numbers as (
    select row_number() over (order by day) as number
    from {{ ref('stg_policy__calendar') }}
),

-- the agents of a pool take turns, each up to a day's capacity
slots as (
    select
        agents.pool,
        row_number() over (partition by agents.pool order by numbers.number, agents.agent_id) as turn,
        agents.agent_id,
        agents.name,
        agents.level,
        agents.max_discount_rate,
        agents.max_installments
    from agents
    inner join numbers on numbers.number <= agents.daily_capacity
)

select * from slots
