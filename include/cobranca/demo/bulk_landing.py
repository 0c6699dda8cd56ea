"""Generate a landing of any size with DuckDB alone, for benchmarks without source databases.

Everything follows from a row's number and the seed, so that ten million rows need no memory and the
same arguments give the same bytes. A payer has twenty receivables over three years on average, and
as by Zipf's law few have many: of a million the largest payer has 64 000, and half of all have at
most four.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from cobranca import schema
from cobranca.errors import ConfigError
from cobranca.partitions import manifest
from cobranca.partitions.manifest import FileEntry, Manifest
from cobranca.settings import Settings

if TYPE_CHECKING:
    import duckdb

SOURCE = "bench"
DAYS = 1095
RECEIVABLES_EACH = 20
MEMORY = "1GB"

# 0..39 good, 40..66 habitual, 67..86 irregular, 87..91 seldom but long, 92..98 defaulter, 99 in
# dollars and good
_PAYERS = """
    create macro draw(number, salt) as (hash(number, salt, {seed}) % 1000)::integer;
    -- the n-th payer has about as many receivables as the first divided by n
    create macro payer_of(number) as least(
        floor(exp(ln({payers}) * (hash(number, 'payer', {seed}) % 1000000007) / 1000000007)) - 1,
        {payers} - 1
    )::bigint;
    create macro profile_of(payer) as (hash(payer, 'profile', {seed}) % 100)::integer;
"""

_CUSTOMERS = """
    select
        '{source}' as source,
        'P' || (1000000000 + payer) as customer_id,
        'Pagador ' || payer as name,
        case
            when profile < 50 then '9' || (1000000000 + payer)
            else '99' || (100000 + payer) || '000100'
        end as tax_id,
        case when draw(payer, 'mail') < 970 then 'pagador.' || payer || '@example.com' end as email,
        case
            when draw(payer, 'phone') < 950
                then '+551190000' || printf('%04d', payer % 10000)
        end as phone,
        list_extract(
            ['São Paulo', 'Rio de Janeiro', 'Belo Horizonte', 'Curitiba', 'Recife'], 1 + payer % 5
        ) as city,
        list_extract(['SP', 'RJ', 'MG', 'PR', 'PE'], 1 + payer % 5) as state,
        case when profile < 50 then 'varejo' else 'empresas' end as segment,
        case when profile < 50 then 'consumer' else 'business' end as contract_type,
        null::varchar as preferred_channel,
        draw(payer, 'no mail') < 12 as opt_out_email,
        draw(payer, 'no calls') < 10 as opt_out_phone,
        profile > 95 and draw(payer, 'legal') < 80 as legal_hold,
        draw(payer, 'deceased') < 2 as deceased,
        timestamp '2020-01-01 12:00:00' as updated_at,
        null::varchar as erased_key
    from (select range as payer, profile_of(range) as profile from range({payers}))
"""

# Every receivable with the day on which it is paid (null for never), both counted back from the
# business date.
_LIFE = """
    select
        number, payer, profile, issue_date, due_date, cents, draw(number, 'state') as state_draw,
        case
            when profile between 92 and 98 and due_date > defaults_on and draw(number, 'gone') < 620
                then null
            when profile between 92 and 98 and due_date > defaults_on
                then due_date + 25 + draw(number, 'slow') % 200
            when profile between 40 and 66 and draw(number, 'late') < 800
                then due_date + 3 + draw(number, 'days') % 4
            when profile between 67 and 86 and draw(number, 'late') < 480
                then due_date + 3 + draw(number, 'days') % 21
            when profile between 67 and 86 and draw(number, 'late') < 580
                then due_date + 15 + draw(number, 'days') % 46
            when profile between 67 and 86 and draw(number, 'late') < 585
                then null
            when profile between 87 and 91 and draw(number, 'late') < 60
                then due_date + 52 + draw(number, 'days') % 27
            else greatest(issue_date + 1, due_date - greatest(0, draw(number, 'early') % 10 - 4))
        end as paid_on
    from (
        select
            number, payer, profile_of(payer) as profile, issue_date,
            issue_date + 30 * (1 + draw(number, 'term') % 10)::integer
                - draw(number, 'day') % 12 as due_date,
            1500 + (
                exp(5.0 + 5.0 * (draw(number, 'size') + 0.5) / 1000)
                * (4 + draw(payer, 'wealth') // 40)
            )::bigint as cents,
            date '{business_date}' - draw(payer, 'default') as defaults_on
        from (
            select
                range + 1 as number, payer_of(range + 1) as payer,
                date '{business_date}'
                    - ({days} - 1 - (range * {days}) // {receivables})::integer as issue_date
            from range({receivables})
        )
    )
"""

_RECEIVABLES = """
    select
        '{source}' as source,
        (10000000000 + number)::varchar as receivable_id,
        'P' || (1000000000 + payer) as customer_id,
        due_date,
        cast(
            cast(cents as decimal(16, 0)) * cast(0.01 as decimal(2, 2)) as decimal(18, 2)
        ) as amount,
        'NF-' || number as document_number,
        '1/1' as installment,
        issue_date,
        null::decimal(18, 2) as open_amount,
        case when profile = 99 then 'USD' else 'BRL' end as currency,
        case
            when state_draw < 8 and issue_date + 10 <= date '{business_date}' then 'cancelled'
            when paid_on is null
                and due_date + 150 + state_draw // 8 <= date '{business_date}' and state_draw < 940
                then 'written_off'
            else 'open'
        end as status,
        draw(number, 'dispute') < 3 and issue_date + 60 >= date '{business_date}' as disputed,
        cast(0.02 as decimal(9, 6)) as fine_rate,
        cast(0.01 as decimal(9, 6)) as monthly_interest_rate,
        null::varchar as boleto_line,
        null::varchar as pix_code,
        'https://pagar.example.com.br/b/' || number as payment_url,
        issue_date + interval 12 hour as updated_at,
        null::varchar as refused_rates,
        '{creditor}' as creditor
    from ({life})
"""

# One in forty late payers pays in two parts; the second comes a month later.
_PAYMENTS = """
    with paid as (
        select *, draw(number, 'halves') < 25 and paid_on > due_date + 5 as is_halved
        from ({life})
        where paid_on <= date '{business_date}' and state_draw >= 8
    )
    select
        '{source}' as source,
        (10000000000 + number) || '-' || part as payment_id,
        (10000000000 + number)::varchar as receivable_id,
        paid_on + 30 * part as paid_on,
        cast(cast(case
            when not is_halved then cents
            when part = 0 then cents // 2
            else cents - cents // 2
        end as decimal(16, 0)) * cast(0.01 as decimal(2, 2)) as decimal(18, 2)) as amount,
        'payment' as kind,
        paid_on + 30 * part + 1 as credited_on,
        case when state_draw % 3 = 0 then 'pix' else 'boleto' end as method,
        null::varchar as customer_id,
        null::varchar as currency,
        paid_on + 30 * part + interval 12 hour as updated_at,
        null::varchar as creditor
    from paid, (values (0), (1)) as parts (part)
    where (part = 0 or is_halved) and paid_on + 30 * part <= date '{business_date}'
"""


def generate_landing(
    settings: Settings, business_date: date, receivables: int, seed: int = 1
) -> Manifest:
    """Publish ``landing/<date>/sources`` with one source ``bench`` of that many receivables.

    Their payers and payments are part of it.

    Raises:
        ConfigError: fewer than 1 000 receivables.
    """
    if receivables < 1000:
        raise ConfigError(
            f"a generated landing needs at least 1000 receivables, not {receivables}."
        )
    import duckdb

    root = settings.folder("landing", business_date, "sources")
    draft = manifest.draft_folder(root, f"generated-{receivables}-{seed}")
    (draft / SOURCE).mkdir(exist_ok=True)
    database = duckdb.connect(
        config={"memory_limit": MEMORY, "threads": 2, "temp_directory": str(draft / ".spill")}
    )
    values = {
        "source": SOURCE,
        "creditor": schema.PRINCIPAL,
        "business_date": business_date.isoformat(),
        "days": DAYS,
        "receivables": receivables,
        "payers": max(1, receivables // RECEIVABLES_EACH),
        "seed": seed,
    }
    try:
        database.execute(_PAYERS.format(**values))
        values["life"] = _LIFE.format(**values)
        entries: list[FileEntry] = []
        for entity, query in (
            ("customers", _CUSTOMERS),
            ("receivables", _RECEIVABLES),
            ("payments", _PAYMENTS),
        ):
            entries += _write(database, draft, entity, query.format(**values))
    finally:
        database.close()
    manifest.discard(draft / ".spill")
    return manifest.publish(root, draft, kind="sources", business_date=business_date, files=entries)


def _write(
    database: "duckdb.DuckDBPyConnection", draft: Path, entity: str, query: str
) -> list[FileEntry]:
    """Stream one entity to Parquet, with an empty quarantine, as a real landing has."""
    import pyarrow.parquet as pq

    from cobranca import schema

    name, quarantine = f"{SOURCE}/{entity}.parquet", f"{SOURCE}/{entity}__quarantine.parquet"
    path = str(draft / name).replace("'", "''")
    options = "(format parquet, compression zstd, row_group_size 131072)"
    [(rows,)] = database.execute(f"copy ({query}) to '{path}' {options}").fetchall()
    pq.write_table(schema.QUARANTINE.empty_table(), draft / quarantine)
    totals = {"rows_read": str(rows), "rows_quarantined": "0"}
    if entity != "customers":
        totals |= {
            f"amount {currency}": str(total) for currency, total in _sums(database, draft, entity)
        }
    return [FileEntry.of(draft, name, rows, totals), FileEntry.of(draft, quarantine, 0)]


def _sums(
    database: "duckdb.DuckDBPyConnection", draft: Path, entity: str
) -> list[tuple[str, Decimal]]:
    """Control totals by currency; a payment has its receivable's, which its payer decides."""
    path = str(draft / SOURCE / f"{entity}.parquet").replace("'", "''")
    currency = (
        "currency"
        if entity == "receivables"
        else (
            "case when profile_of(payer_of(receivable_id::bigint - 10000000000)) = 99 then 'USD' "
            "else 'BRL' end"
        )
    )
    return database.execute(
        f"select {currency}, sum(amount) from read_parquet('{path}') group by 1 order by 1"
    ).fetchall()
