"""Render the quality page of a night: one offline file in Portuguese.

It is drawn from the stored verdicts alone.
"""

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cobranca import labels
from cobranca.errors import PartitionError
from cobranca.money import format_money, format_number
from cobranca.partitions.manifest import write_atomically
from cobranca.partitions.verdict import ARRIVALS, CRITICAL, PLAN, WARNING, Verdict, read_verdict
from cobranca.settings import Settings

if TYPE_CHECKING:
    from jinja2 import Template

WEEKDAYS = (
    "segunda-feira",
    "terça-feira",
    "quarta-feira",
    "quinta-feira",
    "sexta-feira",
    "sábado",
    "domingo",
)
NAMES = {
    "arrivals": "Chegadas",
    "plan": "Plano",
    "customers": "clientes",
    "receivables": "títulos",
    "payments": "pagamentos",
    **{decision: labels.in_sentence(text) for decision, text in labels.DECISIONS.items()},
    "landing": "todas as fontes",
    "batch": "lote do plano",
    "fct_receivables": "títulos em aberto",
    "fct_aging": "aging (faixas de atraso)",
    "fct_decisions": "decisões",
    "fct_agreements": "acordos",
    "dim_payer_ranking": "ranking de pagadores",
    "out_reminders": "lembretes",
    "out_call_queue": "fila de ligações",
    "out_joined_calls": "outros credores nas ligações",
    "out_escalations": "casos para decisão",
    "out_benefits": "benefícios",
    "out_surveys": "pesquisas",
}
REASONS = {
    # why a row could not be read
    "missing": "não preenchido",
    "negative": "valor negativo",
    "not_positive": "valor zero ou negativo",
    "out_of_range": "data fora do período",
    "rate_too_high": "taxa acima do limite (limits.yml): vale a da empresa",
    "due_before_issue": "emissão depois do vencimento: vale o vencimento",
    "due_too_far": "vencimento distante demais",
    "not_finite": "não é um número",
    "too_many_decimals": "mais de duas casas decimais",
    "not_whole_cents": "centavos não inteiros",
    "too_large": "valor grande demais",
    "too_long": "código longo demais",
    "invalid": "inválido",
    "unreadable": "ilegível",
    "duplicate_key": "código repetido",
    "unknown_customer": "cliente não encontrado",
    "unknown_receivable": "título não encontrado",
    "unknown_creditor": "credor desconhecido",
    "unknown_currency": "moeda desconhecida",
    "unknown_status": "situação desconhecida",
    "unknown_kind": "tipo desconhecido",
    # how a value was written differently on its way in
    "trimmed": "espaços e quebras de linha retirados",
    "normalised": "escrito na forma padrão",
    "first_of_several": "vários no campo: vale o primeiro válido",
    "zeros_restored": "zeros à esquerda repostos",
    "reformatted": "data AAAAMMDD reescrita",
    "defaulted": "vazio: vale o padrão",
    "sign_turned": "sinal do estorno invertido",
}


# Why an entity of which only changes should be read was read whole; see
# cobranca.landing.incremental.
WHOLE = {
    "there is no landing before": "primeira vez",
    "the landing before has none": "primeira vez",
    "the landing before was read by other rules": "consulta ou regra mudou",
    "every": "varredura periódica",
}
OTHERWISE = "as mudanças não bastaram para chegar aos totais da fonte"


def write_page(settings: Settings, business_date: date) -> Path:
    """Draw ``quality/<date>/index.html`` from whatever verdicts there are; returns its path."""
    path = settings.folder("quality", business_date) / "index.html"
    arrivals, plan = (_stored(settings, business_date, subject) for subject in (ARRIVALS, PLAN))
    write_atomically(path, render(business_date, arrivals, plan))
    return path


def render(business_date: date, arrivals: Verdict | None, plan: Verdict | None) -> str:
    """The page as HTML."""
    return _template().render(
        business_date=business_date,
        weekday=WEEKDAYS[business_date.weekday()],
        headline=headline(arrivals, plan),
        arrivals=arrivals,
        plan=plan,
        is_plan_of_these_arrivals=bool(
            arrivals and plan and plan.facts.get("landing_batch") == arrivals.batch_id
        ),
        verdicts=[verdict for verdict in (arrivals, plan) if verdict],
        critical=CRITICAL,
        warning=WARNING,
    )


@cache
def _template() -> "Template":
    """Compiled once a process."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cobranca.quality", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": lambda number: "—" if number is None else f"{number:,}".replace(",", "."),
        "currency": lambda code: {"": "—", "?": "desconhecida"}.get(code, code),
        "day": lambda day: f"{day:%d/%m/%Y}",
        "iso_day": lambda text: f"{date.fromisoformat(text):%d/%m/%Y}",
        "amount": lambda text, currency: "—" if text is None else _amount(Decimal(text), currency),
        "money": lambda text, currency: (
            "—" if text is None else format_money(Decimal(text), currency)
        ),
        "named": lambda name: NAMES.get(name, name),
        "subject": _subject,
        "reading": _reading,
        "reason": lambda code: REASONS.get(code) or labels.in_sentence(labels.reason(code)),
        "change": _change,
    }
    return environment.get_template("quality.html.j2")


def headline(arrivals: Verdict | None, plan: Verdict | None) -> dict[str, str]:
    """What the page says first: ``tone`` (good, fair, bad), a title and a sentence."""
    verdicts = [verdict for verdict in (arrivals, plan) if verdict]
    for verdict in verdicts:
        if not verdict.passed:
            count = len(verdict.failures())
            what = (
                "O que chegou das fontes" if verdict.subject == ARRIVALS else "O plano de contatos"
            )
            return {
                "tone": "bad",
                "title": "Noite retida",
                "text": f"{what} não passou em {count} "
                f"{_plural(count, 'conferência crítica', 'conferências críticas')}. "
                "Ninguém será contatado, e os últimos resultados bons continuam valendo.",
            }
    warnings = sum(len(verdict.failures(WARNING)) for verdict in verdicts)
    noted = f" {warnings} {_plural(warnings, 'aviso', 'avisos')} abaixo." if warnings else ""
    if any(verdict.degraded for verdict in verdicts):
        return {
            "tone": "fair",
            "title": "Aprovada com ressalva",
            "text": "Os pagamentos recebidos não estão em dia: os lembretes ficam retidos para não "
            f"cobrar quem já pagou; filas e relatórios são feitos.{noted}",
        }
    if plan is None:
        return {
            "tone": "fair",
            "title": "Chegadas aprovadas",
            "text": f"O plano de contatos ainda não foi conferido.{noted}",
        }
    return {
        "tone": "fair" if warnings else "good",
        "title": "Noite aprovada",
        "text": f"Tudo o que é crítico foi conferido e está certo.{noted or ' Nenhum aviso.'}",
    }


def _stored(settings: Settings, business_date: date, subject: str) -> Verdict | None:
    try:
        return read_verdict(settings, business_date, subject)
    except PartitionError:
        return None


def _subject(name: str) -> str:
    source, dot, entity = name.partition(".")
    return f"{source} · {NAMES.get(entity, entity)}" if dot else NAMES.get(name, name)


def _amount(amount: Decimal, currency: str) -> str:
    """With its currency where that is one."""
    return format_money(amount, currency) if currency.isalpha() else format_number(amount)


def _reading(how: dict[str, Any]) -> str:
    """How an entity was read, in words: whole, or only what changed since the landing before."""
    if how["how"] == "changes":
        changed, left = (
            f"{number:,}".replace(",", ".") for number in (how["changed"], how["left"])
        )
        keys = ", com todos os códigos comparados" if how["swept"] else ""
        return (
            f"só mudanças: {changed} {_plural(how['changed'], 'lida', 'lidas')}, {left} fora{keys}"
        )
    why = how["how"].removeprefix("whole").removeprefix(": ")
    return "completa" + (
        f" ({next((told for said, told in WHOLE.items() if why.startswith(said)), OTHERWISE)})"
        if why
        else ""
    )


def _change(now: str | int, before: str | int | None) -> str:
    """``+2,5 %`` against the previous landing."""
    if before is None or Decimal(before) == 0:
        return "—"
    share = (Decimal(now) - Decimal(before)) * 100 / Decimal(before)
    return f"{'+' if share > 0 else ''}{format_number(share)} %".replace("-", "−")


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
