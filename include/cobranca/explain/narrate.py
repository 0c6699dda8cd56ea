"""Explain in Portuguese what was decided about one payer, and why.

Everything comes from what was frozen with each night. Only what became of the night's own message
is read from the ledger, since it happens later. Names are shown; addresses, phone numbers and tax
ids never are.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby

from cobranca.explain.history import history
from cobranca.explain.night_rows import (
    ActiveHold,
    Decision,
    OpenCase,
    OpenReceivable,
)
from cobranca.explain.nights import (
    ACTED,
    Night,
    Outcomes,
    by_creditor,
    creditor_name,
    creditor_of,
    nights_of,
    read_outcomes,
    read_tables,
    unknown_payer,
)
from cobranca.explain.sentence_parts import (
    age,
    channel_name,
    counted,
    day,
    percent,
    step_code,
    step_name,
    thousands,
    totals,
)
from cobranca.labels import (
    CLASSES,
    DECISIONS,
    RESPONSIBLE,
    in_sentence,
    may_do,
    reason,
    score_sentence,
)
from cobranca.money import format_money
from cobranca.partitions.outbound_partition import read_batch
from cobranca.settings import Settings

# Decisions about receivables that are of no interest one by one.
_QUIET = ("not_due",)


def explain(settings: Settings, customer: str, business_date: date | None = None) -> str:
    """Every decision about a payer with its reason, its inputs and the version of the régua.

    Args:
        settings: where the batches and the ledger are.
        customer: a customer key (``C…``), a customer of a source or one of the payer's open
            receivables (``erp:1234``).
        business_date: the night; without one, every night there is, those of one decision folded,
            then the newest in full.

    Raises:
        ConfigError: the key was not known on that night, or on any.
        PartitionError: no plan was approved for that date, or for any.
    """
    if business_date is not None:
        night = read_tables(settings, read_batch(settings, business_date), customer)
        if night is None:
            raise unknown_payer(customer, f"on {business_date}")
        nights = [night]
    else:
        nights = nights_of(settings, customer)
    outcomes = read_outcomes(settings, nights)
    told = []
    for creditor, own in by_creditor(nights):
        heading = (
            [f"Credor {creditor_name(settings, creditor, nights[-1])}", ""] if creditor else []
        )
        before = [*_timeline(own, outcomes), ""] if business_date is None else []
        told.append("\n".join([*heading, *before, *_one_night(own[-1], outcomes)]))
    return "\n\n".join(told)


def _timeline(nights: Sequence[Night], outcomes: Outcomes) -> list[str]:
    """One line for each run of nights on which the same was decided for the same reasons."""
    first, last = nights[0].business_date, nights[-1].business_date
    when = f"em {day(first)}" if first == last else f"de {day(first)} a {day(last)}"
    lines = [f"{_who(nights[-1])}: {counted(len(nights), 'noite', 'noites')} {when}", ""]
    for _, group in groupby(nights, key=_signature):
        run = list(group)
        when = day(run[0].business_date)
        if len(run) > 1:
            when += f" a {day(run[-1].business_date)} ({counted(len(run), 'noite', 'noites')})"
        night = run[-1]
        lines.append(f"  {when}: {_summary(night)}{_outcome(night.main, outcomes)}")
        lines += [f"      {note}" for note in _others(night)]
    return lines


def _signature(night: Night) -> tuple[object, ...]:
    """Nights that differ in none of this are told as one."""
    decided = sorted(
        (
            row["decision"],
            row["reason"],
            str(row["step"]),
            str(row["channel"]),
            row["receivable_key"],
            row["policy_version"],
        )
        for row in night.decisions
        if row["reason"] not in _QUIET
    )
    main = night.main
    quiet = main is not None and not decided
    # a message of its own is an event of its own
    sent = night.business_date if main and main["decision"] in ACTED else None
    return (decided, quiet, night.ranking and night.ranking["payer_class"], sent)


def _summary(night: Night) -> str:
    main = night.main
    if main is None:
        return "nada em aberto"
    return (
        f"{_action(main)}: {in_sentence(reason(main['reason']))} (régua {main['policy_version']})"
    )


def _others(night: Night) -> Iterator[str]:
    """The receivables whose reason is another than the payer's, counted."""
    main = night.main
    known = (*_QUIET, "carried_by_other", "escalated")
    rest = [
        row
        for row in night.decisions
        if main and row["reason"] != main["reason"] and row["reason"] not in known
    ]
    for code, group in groupby(
        sorted(rest, key=lambda row: str(row["reason"])), key=lambda row: row["reason"]
    ):
        yield (
            f"{counted(len(list(group)), 'outro título', 'outros títulos')}: "
            f"{in_sentence(reason(code))}"
        )


def _one_night(night: Night, outcomes: Outcomes) -> list[str]:
    main = night.main
    version = f"régua {main['policy_version']}, " if main else ""
    lines = [f"{_who(night)}, em {day(night.business_date)} ({version}lote {night.batch_id})", ""]
    lines += _payer(night)
    lines += ["", *_decision(night, outcomes)]
    lines += ["", *_open(night)] if night.decisions else []
    lines += ["", *history(night)]
    return lines


def _payer(night: Night) -> Iterator[str]:
    row = night.ranking
    if row is None:
        return
    yield (
        f"Como paga: {CLASSES[row['payer_class']].lower()}, nota {row['score']} de 100"
        f" ({thousands(row['rank'])}º de {thousands(night.payers)} pagadores)."
    )
    if row.get("score_reasons"):
        yield f"  {score_sentence(row['score_reasons'])}"
    if (late := row.get("late_probability")) is not None:
        yield (
            f"  Espera-se atraso em {percent(late)} dos títulos, e de mais de 30 dias em "
            f"{percent(row['seriously_late_probability'], 1)}."
        )
    if (days := row.get("days_since_last_late")) is not None:
        yield (
            f"  Último atraso quitado em {day(row['last_late_on'])}, há "
            f"{counted(days, 'dia', 'dias')}."
        )


def _decision(night: Night, outcomes: Outcomes) -> Iterator[str]:
    main = night.main
    if main is None:
        yield "Decisão da noite: nada em aberto, nada a fazer."
        return
    yield f"Decisão da noite: {_action(main)}{_outcome(main, outcomes)}"
    yield f"  Motivo: {in_sentence(reason(main['reason']))}."
    if until := main.get("hold_until"):
        yield f"  Vale até {day(until)}, inclusive; depois é decidido de novo."
    yield from map(_hold, night.holds)
    if main["episode_key"]:
        yield f"  Conta pelo título {main['episode_key']}, {age(main['days_past_due'])}."
    yield from _inputs(main, night)
    if main["decision"] not in ACTED and main["step"]:
        yield f"  Passo que caberia: {step_name(main['step_offset'])}."
    if main["decision"] in ACTED and main["superseded_steps"]:
        yield (
            "  Passos anteriores que este substitui: "
            f"{main['superseded_steps'].replace(',', ', ')}."
        )
    yield f"  {_next(night)}"
    yield from map(_case, night.cases)


def _case(case: OpenCase) -> str:
    """Since when a person is asked, who, and what they may do."""
    since = f" desde {day(case['since_on'])}" if case.get("since_on") else ""
    responsible = case.get("responsible") or "supervisao"
    currency = "" if case["currency"] == "BRL" else f", em {case['currency']}"
    codes = (case.get("reasons") or case["reason"]).split(",")
    why = "; ".join(in_sentence(reason(code)) for code in codes)
    return (
        f"  Na lista de casos para decisão{since}{currency} (responsável: "
        f"{in_sentence(RESPONSIBLE.get(responsible, responsible))}): {why}. "
        f"O que fazer: {in_sentence(may_do(codes[0]))}."
    )


def _hold(hold: ActiveHold) -> str:
    until = f"até {day(hold['expires_on'])}" if hold["expires_on"] else "sem prazo"
    of_customer = hold["scope"] == "customer"
    about = "do cliente" if of_customer else f"do título {hold['source']}:{hold['target_id']}"
    why = in_sentence(reason(f"hold_{hold['reason']}"))
    return (
        f"  Suspensão {about}: {why}, por {hold['author']}, desde "
        f"{day(hold['starts_on'])}, {until}."
    )


def _inputs(main: Decision, night: Night) -> Iterator[str]:
    """What the rule looked at, as far as the batch keeps it."""
    limits = night.limits
    if last := main.get("last_step_on"):
        # a step of a régua that the debt follows no more has no place in this one
        offset = main["last_offset"]
        step = step_name(offset) if offset is not None else "de outra régua"
        yield f"  Último passo dado: {step}, em {day(last)}{_named_with(night, last, offset)}."
    if (in_30_days := main.get("contacts_in_30_days")) is not None:
        number = f"{main['contacts_in_7_days']} em 7 dias e {in_30_days} em 30"
        contacted_on = main["last_contacted_on"]
        spoken = f", o último em {day(contacted_on)}" if contacted_on else ""
        most = ""
        if limits:
            pause = counted(limits["minimum_interval_days"], "dia", "dias")
            most = (
                f" (no máximo {limits['maximum_per_7_days']} e "
                f"{limits['maximum_per_30_days']}, com {pause} entre eles)"
            )
        yield f"  Contatos, por todos os canais: {number}{most}{spoken}."
    weighed = main["decision"] in ACTED or main["reason"] == "below_minimum"
    if weighed and (considered := main.get("considered_amount")) is not None:
        least = main.get("required_amount")
        limit = f", de um mínimo de {format_money(least, main['currency'])}" if least else ""
        yield f"  Valor considerado: {format_money(considered, main['currency'])}{limit}."


def _named_with(night: Night, on: date, offset: int | None) -> str:
    """By which contact about another receivable this one was told its step, if by one."""
    steps = [row["step"] for row in night.contacts if row["contacted_on"] == on and row["step"]]
    if offset is None or not steps or step_code(offset) in steps:
        return ""
    return f", citado no contato sobre outro título ({', '.join(sorted(set(steps)))})"


def _next(night: Night) -> str:
    step = night.next_step
    if step is None:
        return "Próximo passo previsto: nenhum."
    about = (
        ""
        if night.main and step["episode_key"] == night.main["episode_key"]
        else f", pelo título {step['episode_key']}"
    )
    return (
        f"Próximo passo previsto, se nada mudar: {step['step']} por "
        f"{channel_name(step['channel'])} em {day(step['step_on'])}{about}."
    )


def _open(night: Night) -> Iterator[str]:
    """What is owed, each receivable that matters with its charges, the others counted."""
    shown = [row for row in night.decisions if row["reason"] not in _QUIET]
    quiet = [row for row in night.decisions if row["reason"] in _QUIET]
    yield (
        f"Em aberto: {counted(len(night.decisions), 'título', 'títulos')}, "
        f"{totals(night.decisions)}"
    )
    conventions = {
        terms
        for row in shown
        if (terms := _convention(night.receivables.get(row["receivable_key"])))
    }
    if len(conventions) == 1:
        yield f"Encargos: {next(iter(conventions))}"
    for row in shown:
        receivable = night.receivables.get(row["receivable_key"])
        yield (
            f"- {row['receivable_key']}{_document(receivable)}: "
            f"{age(row['days_past_due'])}, {_due(receivable)}"
        )
        yield f"    {_charges(row, receivable)}"
        if credit := row.get("credit_applied"):
            yield f"    {_credit(row, credit)}"
        yield from _scheduled(row, receivable)
        if last := night.asked_of_others.get(row["receivable_key"]):
            told = (
                f"Era de outro cliente, contatado em {day(last)}; o que se disse a ele não conta."
            )
            yield f"    {told}"
        if len(conventions) > 1 and _convention(receivable):
            yield f"    Encargos: {_convention(receivable)}"
        yield f"    {_verdict(row, night.main)}"
    if quiet:
        dates = [night.receivables[row["receivable_key"]]["effective_due_date"] for row in quiet]
        first = f"o primeiro em {day(min(dates))}" if len(quiet) > 1 else f"em {day(dates[0])}"
        yield f"- {counted(len(quiet), 'título', 'títulos')} a vencer, {first}, {totals(quiet)}"


def _document(receivable: OpenReceivable | None) -> str:
    """The document and the instalment in brackets, as far as the source gives them."""
    if receivable is None:
        return ""
    parts = (receivable.get("document_number"), receivable.get("installment"))
    document = " ".join(str(part) for part in parts if part)
    return f" ({document})" if document else ""


def _verdict(row: Decision, main: Decision | None) -> str:
    """What comes of one receivable, without repeating what was said of the payer."""
    if row["receivable_key"] == row["episode_key"]:
        return "Conduz a cobrança deste cliente."
    if row["decision"] != "none" or (main and row["reason"] == main["reason"]):
        return f"{reason(row['reason'])}."
    last_day = row.get("hold_until")
    until = f" até {day(last_day)}" if last_day else ""
    return f"Sem contato{until}. {reason(row['reason'])}."


def _due(receivable: OpenReceivable | None) -> str:
    if receivable is None:
        return "sem data"
    if receivable["due_date"] == receivable["effective_due_date"]:
        return f"vencimento {day(receivable['due_date'])}"
    return (
        f"vencimento {day(receivable['due_date'])}, que passou ao dia útil "
        f"{day(receivable['effective_due_date'])}"
    )


def _charges(row: Decision, receivable: OpenReceivable | None) -> str:
    """Principal, fine and interest, each by itself, and what they add up to."""
    currency, due = row["currency"], format_money(row["amount_due"], row["currency"])
    owed = format_money(row["open_amount"], currency)
    is_charged = row["amount_due"] != row["open_amount"]
    if receivable is None:
        return f"{owed}, {f'{due} com encargos' if is_charged else 'sem encargos'}"
    amount = receivable["amount"]
    if amount and amount != row["open_amount"]:
        paid = format_money(amount - row["open_amount"], currency)
        owed += f" (de {format_money(amount, currency)}, já abatidos {paid})"
    waived = (receivable.get("waived_fine") or Decimal(0)) + (
        receivable.get("waived_interest") or Decimal(0)
    )
    gift = f"; dispensados {format_money(waived, currency)} de encargos" if waived else ""
    if not is_charged:
        return f"{owed}, sem encargos{gift}"
    fine = format_money(receivable["fine"], currency)
    interest = format_money(receivable["interest"], currency)
    return f"{owed} + multa {fine} + juros {interest} = {due}{gift}"


def _credit(row: Decision, credit: Decimal) -> str:
    """What a credit of the payer leaves to ask."""
    covered, currency = format_money(credit, row["currency"]), row["currency"]
    if row["reason"] == "in_credit":
        return f"Crédito do cliente que o cobre: {covered}."
    asked = format_money(row["asked_amount"], currency)
    return f"Crédito do cliente, abatido do que se pede: {covered}; pedidos {asked}."


def _scheduled(row: Decision, receivable: OpenReceivable | None) -> Iterator[str]:
    """What the source has with a later date; it is still owed."""
    if receivable and (amount := receivable.get("scheduled_amount")):
        last_day = receivable.get("scheduled_on")
        until = f" até {day(last_day)}" if last_day else ""
        coming = format_money(amount, row["currency"])
        yield f"    Pagamento programado{until}: {coming}, que ainda não foi abatido."


def _convention(receivable: OpenReceivable | None) -> str:
    """The terms that the charges follow, as on the message; nothing where there are none."""
    if receivable is None or not receivable.get("interest_start"):
        return ""
    monthly = receivable["monthly_interest_rate"]
    interest = (
        f"juros simples de {percent(monthly, 2)} ao mês (mês de 30 dias)"
        if monthly is not None
        else "juros pela taxa legal"
    )
    since = "original" if receivable["interest_start"] == "original_due" else "em dia útil"
    return (
        f"multa de {percent(receivable['fine_rate'], 2)}, uma vez, sobre o que estava em aberto "
        "no vencimento;"
        f" {interest} desde o vencimento {since}{_refused(receivable)}"
    )


def _refused(receivable: OpenReceivable) -> str:
    """Which of the source's rates could not be used, so that the company's stand above."""
    names = (receivable.get("refused_rates") or "").split(",")
    words = {"fine_rate": "da multa", "monthly_interest_rate": "dos juros"}
    refused = " e ".join(words[name] for name in names if name in words)
    return f"; a taxa {refused} na origem não pôde ser usada: vale a da empresa" if refused else ""


def _who(night: Night) -> str:
    from cobranca.reports.wording import person

    name = person(night.ranking["customer_name"]) if night.ranking else "(sem nome)"
    return f"{name}, cliente {night.customer_key}"


def _action(row: Decision) -> str:
    if row["decision"] in ACTED:
        return (
            f"{DECISIONS[row['decision']].lower()} por {channel_name(row['channel'])}, passo "
            f"{step_name(row['step_offset'])}"
        )
    return DECISIONS[row["decision"]].lower()


def _outcome(row: Decision | None, outcomes: Outcomes) -> str:
    if row is None or row["decision"] not in ACTED:
        return ""
    key = row["message_key"]
    waiting = "ainda não planejada" if row["decision"] == "remind" else "sem retorno registrado"
    return f" [{outcomes.get((key, creditor_of(row)), waiting)}]"
