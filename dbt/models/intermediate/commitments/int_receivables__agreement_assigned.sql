-- The agreement that decides about each receivable: of those that name it the last.
with titles as (
    select
        commitment_id as agreement_id,
        made_on,
        receivable_key
    from {{ ref('int_commitments__titles') }}
    where kind = 'agreement'
)

{{ first_rows(
    'titles',
    per=['receivable_key'],
    order_by=['made_on desc', 'agreement_id'],
    columns=['receivable_key', 'agreement_id', 'made_on as agreed_on']
) }}
