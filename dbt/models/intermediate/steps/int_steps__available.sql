with episodes as (select * from {{ ref('int_episodes__carrier_selected') }}),

steps as (select * from {{ ref('stg_policy__steps') }}),

-- an override may let the régua end early
available as (
    select
        episodes.customer_key,
        episodes.creditor,
        steps.*
    from episodes
    inner join steps
        on episodes.regua = steps.segment
        and steps.step_offset <= coalesce(episodes.ends_at_offset, steps.step_offset)
)

select * from available
