"""Expectations on a candidate plan: the tables from which people are contacted.

The rules are stated again here, on purpose and from the landed files where possible, and not taken
from the models: a mistake in a model must not be able to approve itself.
"""

from datetime import date
from typing import TYPE_CHECKING

from cobranca.partitions.verdict import WARNING
from cobranca.quality.expectations import (
    Expectation,
    Measured,
    NoOffenders,
    filled,
    one_of,
    some_rows,
    unique,
)
from cobranca.quality.suites.arrivals_suite import payments_fresh
from cobranca.quality.suites.call_checks import calls
from cobranca.quality.suites.case_checks import cases
from cobranca.quality.suites.contacted_checks import contacted
from cobranca.quality.suites.reminder_checks import ExpectItemisedTotals, reminders, thanks

if TYPE_CHECKING:
    from cobranca.policy import Policy

DECISIONS = ("remind", "call", "escalate", "none")
CLASSES = ("pontual", "viciado", "irregular", "critico", "novo")
# Every table that a later step or a person acts on.
TABLES = (
    "fct_receivables",
    "fct_aging",
    "fct_decisions",
    "dim_payer_ranking",
    "out_reminders",
    "out_call_queue",
    "out_joined_calls",
    "out_escalations",
)


class ExpectExactNumbers(Measured):
    """Money is decimal and no figure is NaN or infinite.

    NaN passes not-null and most comparisons.
    """

    title = "Valores com centavos exatos e nenhum número inválido"
    expected = "nenhum valor inválido"
    observed = "$found"
    measure = """
        select $inexact + count(*) filter (where $invalid) as offenders,
               ($inexact)::varchar || ' colunas de dinheiro inexatas, '
                   || (count(*) filter (where $invalid))::varchar || ' números inválidos' as found
        from {batch}
    """


class ExpectThisBusinessDate(NoOffenders):
    """Every row belongs to the night that is being judged."""

    title = "Todas as linhas são de $business_date"
    offending = "select 1 from {batch} where business_date is distinct from $business_date"


class ExpectDecisionForEveryReceivable(NoOffenders):
    """Every open receivable has exactly one decision, and nothing else has one (F14)."""

    title = "Cada título em aberto tem exatamente uma decisão"
    needs = ("fct_receivables",)
    offending = """
        select 1
        from (select receivable_key, count(*) as decisions from {batch} group by receivable_key)
            as decided
        full join (select receivable_key, count(*) as receivables from fct_receivables
            group by receivable_key) as open
            using (receivable_key)
        where coalesce(decisions, 0) <> 1 or coalesce(receivables, 0) <> 1
    """


class ExpectDecidedAmounts(NoOffenders):
    """Per currency, the decisions are about exactly the open amounts (F14)."""

    title = "A soma das decisões é a soma dos títulos em aberto, em cada moeda"
    expected = "nenhuma moeda com diferença"
    observed = "moedas com diferença: $offenders"
    needs = ("fct_receivables",)
    offending = """
        select 1
        from (select currency, sum(open_amount) as opened, sum(amount_due) as due from {batch}
            group by currency) as decided
        full join (
            select currency, sum(open_amount) as opened, sum(amount_due) as due
                from fct_receivables group by currency
        ) as receivable using (currency)
        where decided.opened is distinct from receivable.opened
            or decided.due is distinct from receivable.due
    """


class ExpectReasons(NoOffenders):
    """Contacted or not, each receivable says why (F14)."""

    title = "Toda decisão tem um motivo"
    offending = "select 1 from {batch} where trim(coalesce(reason, '')) = ''"


class ExpectMessageKeys(NoOffenders):
    """A contact without its key could not be told from another, and would be repeated."""

    title = "Todo contato decidido tem a sua chave"
    offending = (
        "select 1 from {batch} where decision in ('remind', 'call') and "
        "trim(coalesce(message_key, '')) = ''"
    )


class ExpectAgreementsAboutDebts(NoOffenders):
    """An agreement that is about no known receivable holds its payer and gives nothing back."""

    title = "Todo acordo em andamento ou não cumprido é sobre títulos conhecidos"
    offending = "select 1 from {batch} where receivables = 0 and state <> 'kept'"


class ExpectAgingToTie(NoOffenders):
    """Per currency and band, the aging adds up to the open receivables."""

    title = "O aging soma os títulos em aberto, em cada moeda e faixa"
    expected = "nenhuma faixa com diferença"
    observed = "faixas com diferença: $offenders"
    needs = ("fct_receivables",)
    offending = """
        select 1
        from (
            select currency, aging_band, sum(receivables) as rows, sum(open_amount) as opened,
                sum(amount_due) as due
            from {batch} group by all
        ) as aging
        full join (
            select currency, aging_band, count(*) as rows, sum(open_amount) as opened,
                sum(amount_due) as due
            from fct_receivables group by all
        ) as receivable using (currency, aging_band)
        where aging.rows is distinct from receivable.rows
            or aging.opened is distinct from receivable.opened
            or aging.due is distinct from receivable.due
    """


def plan_suite(
    business_date: date,
    policy: "Policy",
    bands: tuple[str, ...],
    numbers: dict[str, tuple[int, str]],
    sources: list[str],
) -> list[Expectation]:
    """Every expectation on a candidate plan.

    ``policy`` is the one in force. ``bands`` are the aging bands of the night;
    ``numbers`` gives, per table, how many money columns are not decimal and the SQL that finds
    invalid figures; ``sources`` are the views of landed payments, one a source, named
    ``payments_of_<source>``.
    """
    return [
        some_rows("fct_receivables", "Há títulos em aberto"),
        some_rows("dim_payer_ranking", "Há clientes no ranking de pagadores"),
        *(ExpectThisBusinessDate.on(table, business_date=business_date) for table in TABLES),
        *(
            ExpectExactNumbers.on(table, inexact=inexact, invalid=invalid)
            for table, (inexact, invalid) in numbers.items()
        ),
        *_facts(bands),
        *contacted(business_date, policy),
        *reminders(business_date, policy),
        *calls(business_date),
        *cases(),
        *thanks(business_date),
        *(
            payments_fresh(view, view.replace("payments_of_", "") + ".payments", business_date)
            for view in sources
        ),
    ]


def _facts(bands: tuple[str, ...]) -> list[Expectation]:
    return [
        unique("fct_receivables", "receivable_key", "Nenhum título em aberto repetido"),
        filled("fct_receivables", "customer_key"),
        filled("fct_receivables", "open_amount"),
        one_of(
            "fct_receivables",
            "aging_band",
            bands,
            "Faixa de atraso conhecida",
            check="aging_band_known",
        ),
        ExpectItemisedTotals.on("fct_receivables", credit=0),
        ExpectAgingToTie.on("fct_aging"),
        ExpectAgreementsAboutDebts.on("fct_agreements", severity=WARNING),
        unique("dim_payer_ranking", "customer_key", "Cada cliente uma vez no ranking"),
        one_of(
            "dim_payer_ranking",
            "payer_class",
            CLASSES,
            "Classe de pagador conhecida",
            check="payer_class_known",
        ),
        filled("fct_decisions", "decision"),
        one_of("fct_decisions", "decision", DECISIONS, "Decisão conhecida", check="decision_known"),
        ExpectDecisionForEveryReceivable.on("fct_decisions"),
        ExpectDecidedAmounts.on("fct_decisions"),
        ExpectReasons.on("fct_decisions"),
        ExpectMessageKeys.on("fct_decisions"),
        filled("fct_decisions", "policy_version"),
    ]
