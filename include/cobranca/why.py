"""What was decided about one payer, and why, told in plain Portuguese from the approved batches.

Everything comes from what was frozen with each night; only what became of the night's own message is asked of the ledger,
since it happens later. Names are told, addresses, phone numbers and tax ids never.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from cobranca.errors import ConfigError, PartitionError
from cobranca.manifest import Manifest, read_manifest
from cobranca.money import format_money
from cobranca.outbound import approved_batches, read_batch
from cobranca.settings import Settings
from cobranca.words import CHANNELS, CLASSES, DECISIONS, contact_state, in_sentence, reason

Row = dict[str, object]
# Contacts told beside a night; the ledger holds all of them.
CONTACTS_TOLD = 6
ACTED = ("remind", "call")
# Decisions about receivables that are of no interest one by one.
_QUIET = ("not_due",)


@dataclass(frozen=True)
class Night:
    """What one approved batch says of one payer."""

    business_date: date
    batch_id: str
    customer_key: str
    decisions: tuple[Row, ...]
    receivables: dict[str, Row]
    ranking: Row | None
    payers: int
    contacts: tuple[Row, ...]
    promises: tuple[Row, ...]
    holds: tuple[Row, ...]
    next_step: Row | None
    limits: Row | None

    @property
    def main(self) -> Row | None:
        """The decision about the receivable that carries the cadence, else the first of those that are told."""
        carrying = [row for row in self.decisions if row["receivable_key"] == row["episode_key"]]
        return next(iter([*carrying, *self.decisions]), None)


def explain(settings: Settings, customer: str, business_date: date | None = None) -> str:
    """Every decision about a payer with its reason, its inputs and the version of the régua.

    Args:
        customer: a customer key (``C…``), a customer of a source or one of the payer's open receivables (``erp:1234``).
        business_date: the night; without one, every night there is, those of one decision folded, then the newest in full.

    Raises:
        ConfigError: nobody of that key was known, on that night or on any.
        PartitionError: no plan was approved for that date, or for any.
    """
    if business_date is not None:
        night = _read(settings, read_batch(settings, business_date), customer)
        if night is None:
            raise _unknown(customer, f"on {business_date}")
        return "\n".join(_one_night(night, _outcomes(settings, [night])))
    nights = nights_of(settings, customer)
    outcomes = _outcomes(settings, nights)
    return "\n".join([*_timeline(nights, outcomes), "", *_one_night(nights[-1], outcomes)])


def nights_of(settings: Settings, customer: str) -> list[Night]:
    """What every approved batch that is kept says of one payer, the oldest first.

    Raises:
        ConfigError: nobody of that key was known on any night.
        PartitionError: no plan was ever approved.
    """
    batches = list(approved_batches(settings))
    if not batches:
        raise PartitionError(f"no plan was ever approved under {settings.data}; run a night first.")
    nights = [night for batch in batches if (night := _read(settings, batch, customer)) is not None]
    if not nights:
        raise _unknown(customer, f"on any of the {len(batches)} nights")
    return nights


def _unknown(customer: str, when: str) -> ConfigError:
    return ConfigError(
        f"'{customer}' was not known {when}; give a customer key (C…), or a customer or an open receivable as source:id."
    )


# Reading --------------------------------------------------------------------------------------------------------------


def _read(settings: Settings, batch: Manifest, customer: str) -> Night | None:
    import duckdb

    with duckdb.connect() as connection:

        def rows(
            table: str, condition: str, parameters: Sequence[object], order: str, files: Manifest = batch
        ) -> tuple[Row, ...]:
            # a table that older batches do not have holds nothing
            if f"{table}.parquet" not in {entry.name for entry in files.files}:
                return ()
            cursor = connection.execute(
                f"select * from read_parquet(?) where {condition} order by {order}",
                [str(files.path(f"{table}.parquet")), *parameters],
            )
            names = [column[0] for column in cursor.description]
            return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())

        key = _customer_key(batch, customer, rows)
        if key is None:
            return None
        ranking = rows("dim_payer_ranking", "customer_key = ?", [key], "customer_key")
        policy = _policy(settings, batch)
        limits = rows("policy_limits", "true", [], "policy_version", policy) if policy else ()
        following = rows("fct_next_steps", "customer_key = ?", [key], "customer_key")
        return Night(
            business_date=batch.business_date,
            batch_id=batch.batch_id,
            customer_key=key,
            decisions=rows("fct_decisions", "customer_key = ?", [key], "days_past_due desc, receivable_key"),
            receivables={
                row["receivable_key"]: row for row in rows("fct_receivables", "customer_key = ?", [key], "receivable_key")
            },
            ranking=ranking[0] if ranking else None,
            payers=batch.entry("dim_payer_ranking.parquet").rows,
            contacts=rows("fct_contacts", "customer_key = ?", [key], "contacted_on desc, contact_key"),
            promises=rows("fct_promises", "customer_key = ?", [key], "made_on desc, promise_id"),
            holds=rows("fct_holds", "customer_key = ?", [key], "scope, target_id, starts_on"),
            next_step=following[0] if following else None,
            limits=limits[0] if limits else None,
        )


def _policy(settings: Settings, batch: Manifest) -> Manifest | None:
    """The policy that the batch was made from, as long as it is kept."""
    try:
        policy = read_manifest(settings.folder("landing", batch.business_date, "policy"))
    except PartitionError:
        return None
    return policy if policy.batch_id == batch.inputs.get("policy") else None


def _customer_key(batch: Manifest, customer: str, rows) -> str | None:
    """The payer that the text means.

    Raises:
        ConfigError: it is the id of a customer and of another payer's receivable.
    """
    if rows("dim_payer_ranking", "customer_key = ?", [customer], "customer_key"):
        return customer
    found = {row["customer_key"] for row in rows("dim_payer_aliases", "source || ':' || customer_id = ?", [customer], "all")}
    found |= {row["customer_key"] for row in rows("fct_decisions", "receivable_key = ?", [customer], "receivable_key")}
    if len(found) > 1:
        raise ConfigError(
            f"'{customer}' is both a customer and a receivable of another one in the plan of {batch.business_date};"
            f" give one of their keys: {', '.join(sorted(found))}."
        )
    return next(iter(found), None)


def _outcomes(settings: Settings, nights: Sequence[Night]) -> dict[str, str]:
    """What became of the messages and calls of these nights, by message key, in words: the ledger knows more than they did."""
    keys = {night.main["message_key"] for night in nights if night.main and night.main["decision"] in ACTED}
    if not keys:
        return {}
    import sqlalchemy as sa

    from cobranca.ledger import open_ledger
    from cobranca.ledger.tables import contacts, outcomes

    payer = nights[-1].customer_key
    engine = open_ledger(settings.ledger)
    try:
        with engine.connect() as connection:
            messages = sa.select(contacts.c.message_key, contacts.c.channel, contacts.c.state)
            sent = connection.execute(messages.where(contacts.c.customer_key == payer)).all()
            answers = sa.select(outcomes.c.message_key, outcomes.c.code).order_by(outcomes.c.contacted_on, outcomes.c.outcome_id)
            heard = connection.execute(answers.where(outcomes.c.customer_key == payer)).all()
    finally:
        engine.dispose()
    told = {key: f"retorno do agente: {code}" for key, code in heard}
    told |= {key: contact_state(channel, state) for key, channel, state in sent}
    return {key: what for key, what in told.items() if key in keys}


# Telling --------------------------------------------------------------------------------------------------------------


def _timeline(nights: Sequence[Night], outcomes: dict[str, str]) -> list[str]:
    """One line for each run of nights on which the same was decided for the same reasons."""
    first, last = nights[0].business_date, nights[-1].business_date
    told = f"em {_day(first)}" if first == last else f"de {_day(first)} a {_day(last)}"
    lines = [f"{_who(nights[-1])}: {_count(len(nights), 'noite', 'noites')} {told}", ""]
    for _, group in groupby(nights, key=_signature):
        run = list(group)
        when = _day(run[0].business_date)
        if len(run) > 1:
            when += f" a {_day(run[-1].business_date)} ({_count(len(run), 'noite', 'noites')})"
        night = run[-1]
        lines.append(f"  {when}: {_summary(night)}{_outcome(night.main, outcomes)}")
        lines += [f"      {note}" for note in _others(night)]
    return lines


def _signature(night: Night) -> tuple:
    """Nights that differ in none of this are told as one."""
    decided = sorted(
        tuple(str(row[name]) for name in ("decision", "reason", "step", "channel", "receivable_key", "policy_version"))
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
    return f"{_action(main)}: {in_sentence(reason(main['reason']))} (régua {main['policy_version']})"


def _others(night: Night) -> Iterator[str]:
    """The receivables whose reason is another than the payer's, counted."""
    main = night.main
    told = (*_QUIET, "carried_by_other", "escalated")
    rest = [row for row in night.decisions if main and row["reason"] != main["reason"] and row["reason"] not in told]
    for code, group in groupby(sorted(rest, key=lambda row: str(row["reason"])), key=lambda row: row["reason"]):
        yield f"{_count(len(list(group)), 'outro título', 'outros títulos')}: {in_sentence(reason(code))}"


def _one_night(night: Night, outcomes: dict[str, str]) -> list[str]:
    main = night.main
    version = f"régua {main['policy_version']}, " if main else ""
    lines = [f"{_who(night)}, em {_day(night.business_date)} ({version}lote {night.batch_id})", ""]
    lines += _payer(night)
    lines += ["", *_decision(night, outcomes)]
    lines += ["", *_open(night)] if night.decisions else []
    lines += ["", *_history(night)]
    return lines


def _payer(night: Night) -> Iterator[str]:
    row = night.ranking
    if row is None:
        return
    yield (
        f"Como paga: {CLASSES[row['payer_class']].lower()}, nota {row['score']} de 100"
        f" ({_thousands(row['rank'])}º de {_thousands(night.payers)} pagadores)."
    )
    if row.get("score_reasons"):
        yield f"  {row['score_reasons']}"
    if row.get("late_probability") is not None:
        told = f"  Espera-se atraso em {_percent(row['late_probability'])} dos títulos"
        yield f"{told}, e de mais de 30 dias em {_percent(row['seriously_late_probability'], 1)}."
    if row.get("days_since_last_late") is not None:
        yield f"  Último atraso quitado em {_day(row['last_late_on'])}, há {_count(row['days_since_last_late'], 'dia', 'dias')}."


def _decision(night: Night, outcomes: dict[str, str]) -> Iterator[str]:
    main = night.main
    if main is None:
        yield "Decisão da noite: nada em aberto, nada a fazer."
        return
    yield f"Decisão da noite: {_action(main)}{_outcome(main, outcomes)}"
    yield f"  Motivo: {in_sentence(reason(main['reason']))}."
    if main.get("hold_until"):
        yield f"  Vale até {_day(main['hold_until'])}, inclusive; depois é decidido de novo."
    for hold in night.holds:
        until = f"até {_day(hold['expires_on'])}" if hold["expires_on"] else "sem prazo"
        about = "do cliente" if hold["scope"] == "customer" else f"do título {hold['source']}:{hold['target_id']}"
        why = in_sentence(reason(f"hold_{hold['reason']}"))
        yield f"  Suspensão {about}: {why}, por {hold['author']}, desde {_day(hold['starts_on'])}, {until}."
    if main["episode_key"]:
        yield f"  Conta pelo título {main['episode_key']}, {_age(main['days_past_due'])}."
    yield from _inputs(main, night.limits)
    if main["decision"] not in ACTED and main["step"]:
        yield f"  Passo que caberia: {_step_name(main['step_offset'])}."
    if main["decision"] in ACTED and main["superseded_steps"]:
        yield f"  Passos anteriores que este substitui: {main['superseded_steps'].replace(',', ', ')}."
    yield f"  {_next(night)}"


def _inputs(main: Row, limits: Row | None) -> Iterator[str]:
    """What the rule looked at, as far as the batch keeps it."""
    if main.get("last_step_on"):
        # a step of a régua that the debt follows no more has no place in this one
        step = _step_name(main["last_offset"]) if main["last_offset"] is not None else "de outra régua"
        yield f"  Último passo dado: {step}, em {_day(main['last_step_on'])}."
    if main.get("contacts_in_30_days") is not None:
        counted = f"{main['contacts_in_7_days']} em 7 dias e {main['contacts_in_30_days']} em 30"
        spoken = f", o último em {_day(main['last_contacted_on'])}" if main["last_contacted_on"] else ""
        most = ""
        if limits:
            pause = _count(limits["minimum_interval_days"], "dia", "dias")
            most = f" (no máximo {limits['maximum_per_7_days']} e {limits['maximum_per_30_days']}, com {pause} entre eles)"
        yield f"  Contatos, por todos os canais: {counted}{most}{spoken}."
    weighed = main["decision"] in ACTED or main["reason"] == "below_minimum"
    if weighed and main.get("considered_amount") is not None:
        least = main.get("required_amount")
        limit = f", de um mínimo de {format_money(least, main['currency'])}" if least else ""
        yield f"  Valor considerado: {format_money(main['considered_amount'], main['currency'])}{limit}."


def _next(night: Night) -> str:
    step = night.next_step
    if step is None:
        return "Próximo passo previsto: nenhum."
    about = "" if night.main and step["episode_key"] == night.main["episode_key"] else f", pelo título {step['episode_key']}"
    told = f"{step['step']} por {_channel(step['channel'])} em {_day(step['step_on'])}{about}"
    return f"Próximo passo previsto, se nada mudar: {told}."


def _open(night: Night) -> Iterator[str]:
    """What is owed, each receivable that matters with its charges, the others counted."""
    shown = [row for row in night.decisions if row["reason"] not in _QUIET]
    quiet = [row for row in night.decisions if row["reason"] in _QUIET]
    yield f"Em aberto: {_count(len(night.decisions), 'título', 'títulos')}, {_totals(night.decisions)}"
    conventions = {terms for row in shown if (terms := _convention(night.receivables.get(row["receivable_key"], {})))}
    if len(conventions) == 1:
        yield f"Encargos: {next(iter(conventions))}"
    for row in shown:
        receivable = night.receivables.get(row["receivable_key"], {})
        document = " ".join(str(part) for part in (receivable.get("document_number"), receivable.get("installment")) if part)
        yield f"- {row['receivable_key']}{f' ({document})' if document else ''}: {_age(row['days_past_due'])}, {_due(receivable)}"
        yield f"    {_charges(row, receivable)}"
        if len(conventions) > 1 and _convention(receivable):
            yield f"    Encargos: {_convention(receivable)}"
        yield f"    {_verdict(row, night.main)}"
    if quiet:
        dates = [night.receivables[row["receivable_key"]]["effective_due_date"] for row in quiet]
        first = f"o primeiro em {_day(min(dates))}" if len(quiet) > 1 else f"em {_day(dates[0])}"
        yield f"- {_count(len(quiet), 'título', 'títulos')} a vencer, {first}, {_totals(quiet)}"


def _verdict(row: Row, main: Row) -> str:
    """What comes of one receivable, without repeating what was said of the payer."""
    if row["receivable_key"] == row["episode_key"]:
        return "Conduz a cobrança deste cliente."
    if row["decision"] != "none" or row["reason"] == main["reason"]:
        return f"{reason(row['reason'])}."
    until = f" até {_day(row['hold_until'])}" if row.get("hold_until") else ""
    return f"Sem contato{until}. {reason(row['reason'])}."


def _due(receivable: Row) -> str:
    if not receivable:
        return "sem data"
    if receivable["due_date"] == receivable["effective_due_date"]:
        return f"vencimento {_day(receivable['due_date'])}"
    return f"vencimento {_day(receivable['due_date'])}, que passou ao dia útil {_day(receivable['effective_due_date'])}"


def _charges(row: Row, receivable: Row) -> str:
    """Principal, fine and interest, each by itself, and what they add up to."""
    currency = row["currency"]
    told = format_money(row["open_amount"], currency)
    paid = (receivable.get("amount") or row["open_amount"]) - row["open_amount"]
    if paid:
        told += f" (de {format_money(receivable['amount'], currency)}, já abatidos {format_money(paid, currency)})"
    waived = (receivable.get("waived_fine") or Decimal(0)) + (receivable.get("waived_interest") or Decimal(0))
    gift = f"; dispensados {format_money(waived, currency)} de encargos" if waived else ""
    if row["amount_due"] == row["open_amount"]:
        return f"{told}, sem encargos{gift}"
    fine, interest = (format_money(receivable[name], currency) for name in ("fine", "interest"))
    return f"{told} + multa {fine} + juros {interest} = {format_money(row['amount_due'], currency)}{gift}"


def _convention(receivable: Row) -> str:
    """The terms that the charges follow, as on the message; nothing where there are none."""
    if not receivable.get("interest_start"):
        return ""
    monthly = receivable["monthly_interest_rate"]
    interest = (
        f"juros simples de {_percent(monthly, 2)} ao mês (mês de 30 dias)" if monthly is not None else "juros pela taxa legal"
    )
    since = "original" if receivable["interest_start"] == "original_due" else "em dia útil"
    return (
        f"multa de {_percent(receivable['fine_rate'], 2)}, uma vez, sobre o que estava em aberto no vencimento;"
        f" {interest} desde o vencimento {since}"
    )


def _history(night: Night) -> Iterator[str]:
    if night.contacts:
        yield f"Contatos até a véspera: {len(night.contacts)}"
        for row in night.contacts[:CONTACTS_TOLD]:
            yield f"- {_day(row['contacted_on'])} {_channel(row['channel'])}, {row['step']}: {_contact(row)}"
        if len(night.contacts) > CONTACTS_TOLD:
            yield f"- e mais {len(night.contacts) - CONTACTS_TOLD} antes"
    else:
        yield "Contatos até a véspera: nenhum"
    for row in night.promises:
        promised = f"{format_money(row['amount'], row['currency'])} até {_day(row['promised_on'])}"
        paid = format_money(row["paid_amount"], row["currency"])
        yield f"Promessa de {_day(row['made_on'])}: {promised}, {PROMISES[row['state']]} (pagos {paid})"


PROMISES = {"open": "ainda no prazo", "kept": "cumprida", "partial": "cumprida em parte", "broken": "não cumprida"}


# Pieces ---------------------------------------------------------------------------------------------------------------


def _who(night: Night) -> str:
    from cobranca.reports.wording import person

    name = person(night.ranking["customer_name"]) if night.ranking else "(sem nome)"
    return f"{name}, cliente {night.customer_key}"


def _action(row: Row) -> str:
    if row["decision"] in ACTED:
        return f"{DECISIONS[row['decision']].lower()} por {_channel(row['channel'])}, passo {_step_name(row['step_offset'])}"
    return DECISIONS[row["decision"]].lower()


def _outcome(row: Row | None, outcomes: dict[str, str]) -> str:
    if row is None or row["decision"] not in ACTED:
        return ""
    waiting = "ainda não planejada" if row["decision"] == "remind" else "sem retorno registrado"
    return f" [{outcomes.get(row['message_key'], waiting)}]"


def _contact(row: Row) -> str:
    """``atendido, PROMESSA``."""
    answer = f", {row['outcome_code']}" if row.get("outcome_code") else ""
    return contact_state(row["channel"], row["state"]) + answer


def _step_name(offset: int) -> str:
    """``d+3, 3 dias depois do vencimento``."""
    if offset == 0:
        return "d0 (no vencimento)"
    side = "antes" if offset < 0 else "depois"
    return f"d{offset:+d} ({_count(abs(offset), 'dia', 'dias')} {side} do vencimento)"


def _channel(channel: str) -> str:
    name = CHANNELS.get(channel, channel)
    return name.lower() if channel in ("email", "phone") else name


def _age(days: int) -> str:
    if days == 0:
        return "vence hoje"
    return f"vencido há {_count(days, 'dia', 'dias')}" if days > 0 else f"vence em {_count(-days, 'dia', 'dias')}"


def _totals(rows: Iterable[Row]) -> str:
    """Open and due amounts, each currency for itself."""
    told = []
    for currency, group in groupby(sorted(rows, key=lambda row: str(row["currency"])), key=lambda row: row["currency"]):
        group = list(group)
        owed, due = (sum((row[name] for row in group), Decimal(0)) for name in ("open_amount", "amount_due"))
        told.append(format_money(owed, currency) + (f" ({format_money(due, currency)} com encargos)" if due != owed else ""))
    return " e ".join(told)


def _count(number: int, one: str, many: str) -> str:
    return f"{_thousands(number)} {one if number == 1 else many}"


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", ".")


def _day(value: date) -> str:
    return f"{value:%d/%m/%Y}"


def _percent(share: Decimal, places: int = 0) -> str:
    """A fraction as per cent, without needless zeros: ``2 %``, ``0,33 %``."""
    told = f"{share * 100:.{places}f}"
    told = told.rstrip("0").rstrip(".") if "." in told else told
    return f"{told.replace('.', ',')}\u00a0%"
