"""SQL outside the macros of one engine means the same on every engine.

It holds no dialect and no order that leaves the place of nulls open.
"""

import re
from collections.abc import Iterator

import pytest

from cobranca.settings import PROJECT_ROOT

DBT = PROJECT_ROOT / "dbt"
ENGINES = ("default", "duckdb", "postgres", "spark")

# What one engine lacks or reads otherwise than another, and what stands for it.
FORBIDDEN = {
    r"\bdistinct\s+on\b": "first_rows()",
    r"//": "divide_half_up()",
    r"\bdiv\b": "divide_half_up()",
    r"\bsign\s*\(": "divide_half_up()",
    r"\bhugeint\b|\bnumeric\b": "whole(), or decimal(p, s)",
    r"\bas\s+(text|string|varchar)\b": "as_text()",
    r"\b(string_agg|listagg|group_concat|array_agg)\b": "joined_text()",
    r"\b(to_hex|hex)\s*\(": "hex_digits()",
    r"\b(double|real|float\d?)\b": "as_double()",
    r"\b(sha256|sha2|convert_to|encode)\s*\(": "address_digest()",
    r"\binterval\b": "add_days() or add_months()",
    r"\b(datediff|date_diff|date_add|dateadd|date_sub|age)\s*\(": "days_between() or add_days()",
    r"\b(\w+_)?(date|on|day|month|today)\b\s*[-+](?!%)": "days_between() or add_days()",
    r"[-+]\s*(\w+\.)?(\w+_(date|on|day)|day)\b": "days_between() or add_days()",
    r"\b(to_char|to_date|to_number|strftime|strptime|date_format|make_date)\s*\(": (
        "as_text(), or a cast"),
    r"\bat\s+time\s+zone\b|\btimestamptz\b": "UTC without a zone, as it landed",
    r"\b(generate_series|sequence)\s*\(": "a landed table",
    r"\b(unnest|explode|lateral)\b": "',' || list || ',' like '%,' || value || ',%'",
    r"\bfilter\s*\(\s*where\b": "count(case when … then 1 end)",
    r"\bqualify\b": "first_rows()",
    r"::": "cast(… as …)",
    r"~|\b(regexp\w*|rlike|similar\s+to)\b": "like",
    r"\bilike\b": "lower(…) like",
    r"\bby\s+all\b": "the columns by name",
    r"\*\s*(exclude|except|replace)\b": "the columns by name",
    r"\b(arg_max|arg_min|max_by|min_by|any_value|first|last)\s*\(": "first_rows()",
    r"\b(median|mode|quantile\w*|percentile\w*|approx_\w+)\s*\(": ("sums and counts: no two "
        "engines interpolate alike"),
    # a window by name next to a sign needs parentheses around it
    r"\bover\s+\w+\s*[-+*/%]": "(… over window) - …",
}  # fmt: skip

# Columns that landing, the ledger or the models never leave empty, among those by which something
# is ordered.
NEVER_NULL = {
    "agent_id", "aging_band", "agreed_on", "agreement_id", "amount", "as_of_date", "band_rank",
    "collection_status", "commitment_id", "contact_key", "contacted_on", "creditor", "currency",
    "customer_id", "customer_key", "day", "effect", "effective_due_date", "episode_key",
    "former_key", "from_on", "given_at", "guaranteed_percent", "happened_on", "is_opted_in",
    "is_trifle", "last_day", "level", "made_on", "month", "number", "open_amount",
    "open_overdue_amount", "origin", "outcome_id", "overall_rank", "paid_on", "payment_id",
    "place", "predicted", "priority", "promise_id", "reason", "reason_order",
    "receivable_amount", "receivable_key", "regua", "regua_segment", "score", "settled_on",
    "share_percent", "source", "starts_on", "step_offset", "target_id", "until_on",
}  # fmt: skip


def _sql() -> Iterator[tuple[str, str]]:
    """Each SQL file of the project, by its path."""
    for folder in ("macros", "models", "tests"):
        for path in sorted((DBT / folder).rglob("*.sql")):
            yield str(path.relative_to(DBT.parent)), path.read_text(encoding="utf-8")


def _blank(text: str, *patterns: str) -> str:
    """The text with spaces for what matches, so that lines keep their numbers."""
    for pattern in patterns:
        text = re.sub(pattern, lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.DOTALL)
    return text


def _shared(text: str) -> str:
    """What is neither a comment nor the body of a macro for one engine."""
    own = rf"\{{%-?\s*macro\s+(?:{'|'.join(ENGINES)})__.*?\bendmacro\s*-?%\}}"
    text = _blank(text, r"\{#.*?#\}", own, r"--[^\n]*")
    # what joins texts in a template matches by pattern in SQL
    return re.sub(
        r"\{[{%].*?[%}]\}", lambda found: found[0].replace("~", " "), text, flags=re.DOTALL
    )


def _place(name: str, text: str, offset: int) -> str:
    return f"{name}:{text.count(chr(10), 0, offset) + 1}"


def dialect_of(name: str, text: str) -> list[str]:
    """Where a file uses what not every engine reads alike: ``file:line: found, use …``.

    Macros of one engine are left out.
    """
    shared = _shared(text)
    found = []
    for pattern, cure in FORBIDDEN.items():
        for match in re.finditer(pattern, shared, re.IGNORECASE):
            place = _place(name, shared, match.start())
            found.append(
                f"{place}: {' '.join(match[0].split())!r} is not read alike by every engine; use "
                f"{cure}"
            )
    return found


def _orderings(shared: str) -> Iterator[tuple[int, str]]:
    """What something is ordered by, in windows and in arguments of macros.

    Gives where it stands and the whole list.
    """
    for match in re.finditer(r"\border by\b", shared):
        depth, end = 0, match.end()
        while end < len(shared) and not (
            depth == 0 and re.match(r"\)|\b(rows|range|limit)\b", shared[end:])
        ):
            depth += {"(": 1, ")": -1}.get(shared[end], 0)
            end += 1
        yield match.start(), shared[match.end() : end]
    for match in re.finditer(r"\border_by=(\[[^]]*\]|\"[^\"]*\"|'[^']*')", shared):
        texts = re.findall(r"\"([^\"]*)\"|'([^']*)'", match[1])
        yield match.start(), ", ".join(one or other for one, other in texts)


def _may_be_null(term: str) -> bool:
    """Whether an ordering term may meet a null without saying where it stands."""
    if re.search(r"\bnulls\s+(first|last)\s*$", term) or not term or "{{" in term:
        return False
    if "case" in term and "else" not in term:
        return True
    term = re.sub(r"'[^']*'", "", term)
    term = re.sub(
        r"\bcoalesce\s*\((?:[^()]|\([^()]*\))*\)|\bwhen\b.*?\bthen\b|\w+ is (not )?null\b",
        "",
        term,
        flags=re.DOTALL,
    )
    columns = set(re.findall(r"\b[a-z_]\w*\b", re.sub(r"\b\w+\.", "", term)))
    return (
        not columns - {"case", "else", "end", "not", "asc", "desc", "least", "greatest"}
        <= NEVER_NULL
    )


def open_orders_of(name: str, text: str) -> list[str]:
    """Where a file orders by something that may be null and does not say where nulls stand."""
    shared = _shared(text)
    return [
        f"{_place(name, shared, start)}: order by {' '.join(term.split())!r} may meet a null; say "
        "nulls first or last"
        for start, terms in _orderings(shared)
        for term in map(str.strip, re.split(r",(?![^(]*\))", terms))
        if _may_be_null(term)
    ]


def test_dialects_stand_only_in_the_macros_of_their_engine():
    assert [found for name, text in _sql() for found in dialect_of(name, text)] == []


def test_every_order_says_where_nulls_stand():
    assert [found for name, text in _sql() for found in open_orders_of(name, text)] == []


def test_every_engine_has_its_form_of_a_dispatched_macro():
    """A default form without dialect serves each engine.

    Else DuckDB, PostgreSQL and Spark need one of their own.
    """
    text = "\n".join(text for _, text in _sql())
    bodies = dict(re.findall(r"\bmacro\s+(\w+)(.*?)\bendmacro\b", text, re.DOTALL))
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)'\)", text))
    assert len(dispatched) > 8
    for macro in dispatched:
        default = bodies.get(f"default__{macro}")
        served = {engine for engine in ENGINES if f"{engine}__{macro}" in bodies}
        if default is None:
            assert served >= {"duckdb", "postgres", "spark"}, macro
        elif dialect_of(macro, default):
            assert "spark" in served, f"{macro} has no form for Spark"


EXAMPLES = (
    "select distinct on (customer_key) *",
    "amount_cents // 100",
    "div(2 * cents, 100)",
    "sign(cents)",
    "cast(cents as hugeint)",
    "cast(cents as numeric(38, 0))",
    "cast(step_offset as text)",
    "string_agg(step, ',' order by step_offset)",
    "to_hex(number)",
    "cast(share as double precision)",
    "sha256(convert_to(email, 'UTF8'))",
    "day + interval '1 month'",
    "date_diff('day', due_date, paid_on)",
    "paid_on - receivables.due_date",
    "receivables.due_date + 3",
    "to_char(paid_on, 'YYYY-MM')",
    "updated_at at time zone 'UTC'",
    "generate_series(1, 12)",
    "unnest(steps)",
    "count(*) filter (where is_open)",
    "qualify row_number() over (partition by customer_key order by day) = 1",
    "amount::decimal(18, 2)",
    "phone ~ '^[+]55'",
    "regexp_replace(phone, '[^0-9]', '')",
    "city ilike 'santos'",
    "group by all",
    "select * exclude (amount)",
    "arg_max(state, contacted_on)",
    "median(days_late)",
    "sum(amount) over newest_first - amount",
)


def test_every_refused_dialect_has_an_example():
    assert [
        pattern
        for pattern in FORBIDDEN
        if not any(re.search(pattern, example) for example in EXAMPLES)
    ] == []


@pytest.mark.parametrize("line", EXAMPLES)
def test_each_dialect_is_refused_with_its_file_line_and_cure(line):
    (first, *_) = dialect_of(
        "dbt/models/x.sql", f"select\n    {line} as it -- distinct on\nfrom source"
    )
    assert re.fullmatch(
        r"dbt/models/x\.sql:2: '.+' is not read alike by every engine; use .+", first
    )
    assert dialect_of("x", f"{{% macro duckdb__x() %}}{line}{{% endmacro %}}") == []


@pytest.mark.parametrize(
    "order",
    [
        "row_number() over (partition by customer_key order by updated_at desc, source)",
        "sum(amount) over (order by delay_reason rows unbounded preceding)",
        "max(a) over (order by case when source = 'erp' then 1 end)",
        (
            "{{ first_rows('customers', per=['customer_key'], "
            "order_by=['source', 'updated_at desc']) }}"
        ),
        "{{ joined_text('step', ',', order_by='phone') }}",
    ],
)
def test_an_order_that_leaves_nulls_open_is_refused(order):
    (found,) = open_orders_of("dbt/models/x.sql", f"select\n    {order} as it\nfrom source")
    assert found.startswith("dbt/models/x.sql:2: order by ")
    assert found.endswith("may meet a null; say nulls first or last")
