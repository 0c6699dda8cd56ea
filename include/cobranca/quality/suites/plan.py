"""What is expected of the plan: the tables from which people are contacted and finance is told.

The rules are stated again here, on purpose and from the landed files where possible, and not taken from the models:
a mistake in a model must not be able to approve itself.
"""

from datetime import date

from cobranca.quality.expectations import Measured, NoOffenders, filled, one_of, some_rows, unique
from cobranca.quality.suites.arrivals import payments_fresh
from cobranca.quality.verdict import WARNING

DECISIONS = ("remind", "call", "escalate", "none")
BANDS = ("not_due", "1-30", "31-60", "61-90", "91-180", "181+")
CLASSES = ("pontual", "viciado", "irregular", "critico", "novo")
# Every table that a later step or a person acts on.
TABLES = (
    "fct_receivables",
    "fct_aging",
    "fct_decisions",
    "dim_payer_ranking",
    "out_reminders",
    "out_call_queue",
    "out_escalations",
)
# Receivables about which somebody is contacted, and the landed row behind each.
CONTACTED = "select receivable_key, decision, channel from {batch} where decision in ('remind', 'call')"
SAME_RECEIVABLE = "landed.source || ':' || landed.receivable_id = contacted.receivable_key"
ITS_CUSTOMER = "customer.source = landed.source and customer.customer_id = landed.customer_id"
ITS_HOLD = """
    coalesce(hold.source, landed.source) = landed.source
    and hold.target_id = case hold.scope when 'receivable' then landed.receivable_id else landed.customer_id end
    and coalesce(hold.starts_on, $business_date) <= $business_date
    and coalesce(hold.expires_on, $business_date) >= $business_date
"""


class ExpectExactNumbers(Measured):
    """Money is decimal and no figure is NaN or infinite: NaN passes not-null and most comparisons."""

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
        from (select receivable_key, count(*) as decisions from {batch} group by receivable_key) as decided
        full join (select receivable_key, count(*) as receivables from fct_receivables group by receivable_key) as open
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
        from (select currency, sum(open_amount) as opened, sum(amount_due) as due from {batch} group by currency) as decided
        full join (
            select currency, sum(open_amount) as opened, sum(amount_due) as due from fct_receivables group by currency
        ) as receivable using (currency)
        where decided.opened is distinct from receivable.opened or decided.due is distinct from receivable.due
    """


class ExpectReasons(NoOffenders):
    """Contacted or not, each receivable says why (F14)."""

    title = "Toda decisão tem um motivo"
    offending = "select 1 from {batch} where trim(coalesce(reason, '')) = ''"


class ExpectMessageKeys(NoOffenders):
    """A contact without its key could not be told from another, and would be repeated."""

    title = "Todo contato decidido tem a sua chave"
    offending = "select 1 from {batch} where decision in ('remind', 'call') and trim(coalesce(message_key, '')) = ''"


class ExpectDecidedReminders(NoOffenders):
    """Whatever is decided as a reminder is in exactly that message, and no message holds anything else (F4)."""

    title = "Os lembretes são exatamente os decididos"
    needs = ("fct_decisions",)
    offending = """
        select 1
        from {batch} as reminder
        full join (select * from fct_decisions where decision = 'remind') as decided using (receivable_key)
        where reminder.message_key is distinct from decided.message_key
    """


class ExpectDecidedCalls(NoOffenders):
    """Whoever is decided to be called is in the queue, and nobody else is."""

    title = "A fila de ligações tem exatamente os clientes decididos"
    needs = ("fct_decisions",)
    offending = """
        select 1
        from {batch} as queued
        full join (select distinct customer_key from fct_decisions where decision = 'call') as decided using (customer_key)
        where queued.message_key is null or decided.customer_key is null
    """


class ExpectEmailAddresses(NoOffenders):
    """Each e-mail goes to one well-formed address."""

    title = "E-mail presente e bem formado"
    offending = """
        select 1 from {batch}
        where channel = 'email'
            and not coalesce(regexp_full_match(email, '[^@\\s,;<>]+@[^@\\s,;<>]+[.][^@\\s,;<>.][^@\\s,;<>.]+'), false)
    """


class ExpectMessageNumbers(NoOffenders):
    """Each WhatsApp message or SMS goes to one well-formed number, and no message goes over a channel unknown here."""

    title = "Telefone presente e bem formado em cada WhatsApp ou SMS"
    offending = """
        select 1 from {batch}
        where channel is distinct from 'email'
            and not coalesce(channel in ('whatsapp', 'sms') and regexp_full_match(phone, '[+][0-9]+'), false)
    """


class ExpectPositiveDebts(NoOffenders):
    """Nobody is reminded of nothing, nor of a negative amount."""

    title = "Valores cobrados maiores que zero"
    offending = """
        select 1 from {batch}
        where not coalesce(amount > 0 and open_amount > 0 and amount_due > 0 and fine >= 0 and interest >= 0, false)
    """


class ExpectItemisedTotals(NoOffenders):
    """The amount due is principal, fine and interest, to the cent."""

    title = "Total = valor em aberto + multa + juros"
    offending = "select 1 from {batch} where amount_due is distinct from open_amount + fine + interest"


class ExpectLawfulFines(NoOffenders):
    """A consumer's fine is at most 2 % of the amount (CDC, art. 52, § 1º), whatever the models or limits say."""

    title = "Multa de consumidor de no máximo 2 % (CDC, art. 52)"
    offending = """
        select 1 from {batch}
        where contract_type is distinct from 'business' and coalesce(fine, 0) > round(amount * 0.02, 2)
    """


class ExpectOneMessageADay(NoOffenders):
    """A customer gets at most one message a day, and a message has one reader (F4)."""

    title = "No máximo uma mensagem por cliente no dia"
    expected = "nenhum cliente com mais de uma"
    offending = """
        select customer_key from {batch} group by customer_key having count(distinct message_key) <> 1
        union all
        select message_key from {batch} group by message_key having count(distinct (customer_key, email)) <> 1
    """


class ExpectNoDisputes(NoOffenders):
    """A disputed receivable is not charged."""

    title = "Nenhum título contestado é cobrado"
    needs = ("fct_receivables",)
    offending = f"""
        select 1 from ({CONTACTED}) as contacted join fct_receivables using (receivable_key) where fct_receivables.is_disputed
    """


class ExpectOpenAtTheSource(NoOffenders):
    """What the source marks as disputed, or no longer open, is not charged."""

    title = "Nenhum título contestado, cancelado, acordado ou baixado na origem é cobrado"
    needs = ("landed_receivables",)
    offending = f"""
        select 1 from ({CONTACTED}) as contacted
        left join landed_receivables as landed on {SAME_RECEIVABLE}
        where landed.receivable_id is null or coalesce(landed.disputed, false) or coalesce(landed.status, 'open') <> 'open'
    """


class ExpectWillingCustomers(NoOffenders):
    """Nobody who opted out of the channel, died or is under legal hold is contacted."""

    title = "Ninguém que pediu para não ser contatado, falecido ou em processo judicial é cobrado"
    needs = ("landed_receivables", "landed_customers")
    offending = f"""
        select 1 from ({CONTACTED}) as contacted
        join landed_receivables as landed on {SAME_RECEIVABLE}
        join landed_customers as customer on {ITS_CUSTOMER}
        where coalesce(customer.legal_hold, false)
            or coalesce(customer.deceased, false)
            or coalesce(case channel when 'email' then customer.opt_out_email else customer.opt_out_phone end, false)
    """


class ExpectErasedLeftAlone(NoOffenders):
    """Nothing of a payer whose personal data were erased is asked for: each of its receivables says so (LGPD, art. 18, VI)."""

    title = "Nada é cobrado de quem teve os dados apagados"
    needs = ("landed_receivables", "landed_customers")
    offending = f"""
        select 1 from {{batch}} as decided
        join landed_receivables as landed on landed.source || ':' || landed.receivable_id = decided.receivable_key
        join landed_customers as customer on {ITS_CUSTOMER}
        where customer.erased_key is not null
            and (decided.decision <> 'none' or decided.reason <> 'hold_erased' or decided.customer_key <> customer.erased_key)
    """


class ExpectRespectedWishes(NoOffenders):
    """Nobody is written to over a channel that they refused, nor at an address that the provider lists as refused or dead."""

    title = "Ninguém recebe mensagem por um canal que recusou, nem em um endereço suspenso"
    needs = ("feedback_consents", "feedback_suppressions")
    offending = """
        select 1
        from (select distinct customer_key, $channel as channel, email from {batch}) as message
        left join (
            select customer_key, channel, is_opted_in,
                   row_number() over (partition by customer_key, channel order by given_at desc, is_opted_in) as place
            from feedback_consents
            where given_on < $business_date
        ) as wish on wish.place = 1 and wish.customer_key = message.customer_key and wish.channel = message.channel
        left join (
            select distinct address_digest
            from feedback_suppressions
            where listed_on < $business_date and coalesce(removed_on > $business_date, true)
        ) as listed on message.channel = 'email' and sha256(lower(trim(message.email))) = listed.address_digest
        where not coalesce(wish.is_opted_in, true) or listed.address_digest is not null
    """


class ExpectNobodyOnHold(NoOffenders):
    """A hold by a person stops every contact about that customer or receivable."""

    title = "Ninguém com suspensão em vigor é cobrado"
    needs = ("landed_receivables", "policy_holds")
    offending = f"""
        select 1 from ({CONTACTED}) as contacted
        join landed_receivables as landed on {SAME_RECEIVABLE}
        join policy_holds as hold on {ITS_HOLD}
    """


class ExpectNoHeldContacts(NoOffenders):
    """A decision that names a hold as its reason is no contact."""

    title = "Nenhuma decisão suspensa vira contato"
    offending = "select 1 from {batch} where decision in ('remind', 'call') and starts_with(reason, 'hold')"


class ExpectUnpaidDebts(NoOffenders):
    """Nothing that the landed payments settle is charged."""

    title = "Nenhum título já pago é cobrado"
    needs = ("landed_receivables", "landed_payments")
    offending = f"""
        select 1 from ({CONTACTED}) as contacted
        join landed_receivables as landed on {SAME_RECEIVABLE}
        join (
            select source, receivable_id, sum(case when kind = 'reversal' then -abs(amount) else amount end) as paid
            from landed_payments
            where paid_on <= $business_date
            group by source, receivable_id
        ) as settled on settled.source = landed.source and settled.receivable_id = landed.receivable_id
        where settled.paid >= landed.amount
    """


class ExpectContactDay(Measured):
    """Nobody is contacted on a weekend or holiday."""

    title = "Contatos somente em dia de contato"
    expected = "nenhum contato fora de dia de contato"
    observed = "$contacts linhas, dia de contato: $day"
    needs = ("policy_calendar",)
    measure = """
        with today as (
            select count(*) as days, coalesce(bool_and(is_contact_day), false) as is_contact_day
            from policy_calendar where day = $business_date and place = 'BR'
        ),
        planned as (select count(*) as contacts from {batch})
        select case when days = 1 then (case when is_contact_day then 0 else contacts end) end as offenders,
               contacts, is_contact_day as day
        from planned, today
    """


class ExpectWelcomeThanks(NoOffenders):
    """Nobody is thanked, or asked how it went, who may not be written to, who disputes, or who is contacted today anyway."""

    title = "Agradecimentos e pesquisas só a quem pode receber mensagem e não recebe outro contato hoje"
    needs = ("fct_decisions", "landed_receivables", "landed_customers", "policy_holds")
    offending = f"""
        select 1 from {{batch}} as thanked
        left join landed_receivables as landed
            on landed.source = thanked.source and landed.receivable_id = thanked.receivable_id
        left join landed_customers as customer on {ITS_CUSTOMER}
        left join policy_holds as hold on {ITS_HOLD}
        where landed.receivable_id is null
            or coalesce(landed.disputed, false)
            or coalesce(landed.status, 'open') in ('cancelled', 'written_off')
            or coalesce(customer.legal_hold, false)
            or coalesce(customer.deceased, false)
            or coalesce(customer.opt_out_email, false)
            or customer.erased_key is not null
            or hold.target_id is not null
            or thanked.customer_key in (select customer_key from fct_decisions where decision in ('remind', 'call'))
    """


class ExpectGoodPayersLeftAlone(NoOffenders):
    """Punctual payers get no reminder on or before the due date (F2)."""

    title = "Quem paga em dia não recebe lembrete preventivo"
    offending = "select 1 from {batch} where payer_class = 'pontual' and (step_offset is null or step_offset <= 0)"


class ExpectDisjointChannels(NoOffenders):
    """A customer is either written to or called, not both on one day."""

    title = "Nenhum cliente recebe mensagem e ligação no mesmo dia"
    needs = ("out_reminders",)
    offending = "select 1 from {batch} where customer_key in (select customer_key from out_reminders)"


class ExpectPriorities(NoOffenders):
    """Every row of the queue can be ranked."""

    title = "Toda ligação tem prioridade"
    offending = "select 1 from {batch} where priority is null or not isfinite(priority::double)"


class ExpectQueuePositions(NoOffenders):
    """Each agent's queue has one row a position."""

    title = "Cada posição da fila de um atendente ocorre uma vez"
    expected = "nenhuma posição repetida ou vazia"
    offending = """
        select agent_id, queue_position from {batch} group by agent_id, queue_position
        having count(*) > 1 or queue_position is null or agent_id is null
    """


class ExpectPhones(NoOffenders):
    """Somebody without a telephone is in the queue only when the row says so."""

    title = "Telefone presente, ou a linha diz que falta"
    offending = """
        select 1 from {batch}
        where trim(coalesce(phone, '')) = ''
            and not regexp_matches(lower(coalesce(reason, '') || ' ' || coalesce(priority_reason, '')), 'telefone|phone')
    """


class ExpectAgingToTie(NoOffenders):
    """Per currency and band, the aging adds up to the open receivables."""

    title = "O aging soma os títulos em aberto, em cada moeda e faixa"
    expected = "nenhuma faixa com diferença"
    observed = "faixas com diferença: $offenders"
    needs = ("fct_receivables",)
    offending = """
        select 1
        from (
            select currency, aging_band, sum(receivables) as rows, sum(open_amount) as opened, sum(amount_due) as due
            from {batch} group by all
        ) as aging
        full join (
            select currency, aging_band, count(*) as rows, sum(open_amount) as opened, sum(amount_due) as due
            from fct_receivables group by all
        ) as receivable using (currency, aging_band)
        where aging.rows is distinct from receivable.rows
            or aging.opened is distinct from receivable.opened
            or aging.due is distinct from receivable.due
    """


class ExpectUsualVolume(Measured):
    """More messages than the limit are reported; a person approves them before they leave."""

    title = "Quantidade de mensagens dentro do limite da noite"
    expected = "no máximo $maximum mensagens"
    observed = "$messages mensagens"
    measure = """
        select greatest(count(distinct message_key) - $maximum, 0) as offenders, count(distinct message_key) as messages
        from {batch}
    """


def plan_suite(business_date: date, maximum_messages: int, numbers: dict[str, tuple[int, str]], sources: list[str]) -> list:
    """Every expectation on a candidate plan.

    ``numbers`` gives, per table, how many money columns are not decimal and the SQL that finds invalid figures;
    ``sources`` are the views of landed payments, one a source, named ``payments_of_<source>``.
    """
    on_date = {"business_date": business_date}
    return [
        some_rows("fct_receivables", "Há títulos em aberto"),
        some_rows("dim_payer_ranking", "Há clientes no ranking de pagadores"),
        *(ExpectThisBusinessDate.on(table, **on_date) for table in TABLES),
        *(ExpectExactNumbers.on(table, inexact=inexact, invalid=invalid) for table, (inexact, invalid) in numbers.items()),
        *_facts(),
        *_contacted(on_date),
        *_reminders(on_date, maximum_messages),
        *_calls(on_date),
        *_thanks(on_date),
        *(payments_fresh(view, view.replace("payments_of_", "") + ".payments", business_date) for view in sources),
    ]


def _facts() -> list:
    return [
        unique("fct_receivables", "receivable_key", "Nenhum título em aberto repetido"),
        filled("fct_receivables", "customer_key"),
        filled("fct_receivables", "open_amount"),
        one_of("fct_receivables", "aging_band", BANDS, "Faixa de atraso conhecida", check="aging_band_known"),
        ExpectItemisedTotals.on("fct_receivables"),
        ExpectAgingToTie.on("fct_aging"),
        unique("dim_payer_ranking", "customer_key", "Cada cliente uma vez no ranking"),
        one_of("dim_payer_ranking", "payer_class", CLASSES, "Classe de pagador conhecida", check="payer_class_known"),
        filled("fct_decisions", "decision"),
        one_of("fct_decisions", "decision", DECISIONS, "Decisão conhecida", check="decision_known"),
        ExpectDecisionForEveryReceivable.on("fct_decisions"),
        ExpectDecidedAmounts.on("fct_decisions"),
        ExpectReasons.on("fct_decisions"),
        ExpectMessageKeys.on("fct_decisions"),
        filled("fct_decisions", "policy_version"),
    ]


def _contacted(on_date: dict) -> list:
    table = "fct_decisions"
    return [
        ExpectNoDisputes.on(table),
        ExpectOpenAtTheSource.on(table),
        ExpectWillingCustomers.on(table),
        ExpectErasedLeftAlone.on(table),
        ExpectNobodyOnHold.on(table, **on_date),
        ExpectNoHeldContacts.on(table),
        ExpectUnpaidDebts.on(table, **on_date),
    ]


def _reminders(on_date: dict, maximum_messages: int) -> list:
    table = "out_reminders"
    return [
        *(filled(table, column) for column in ("message_key", "customer_key", "customer_name", "template", "due_date")),
        unique(table, "receivable_key", "Nenhum título em duas mensagens"),
        ExpectDecidedReminders.on(table),
        ExpectOneMessageADay.on(table),
        ExpectEmailAddresses.on(table),
        ExpectRespectedWishes.on(table, channel="channel", **on_date),
        ExpectMessageNumbers.on(table),
        ExpectPositiveDebts.on(table),
        ExpectItemisedTotals.on(table),
        ExpectLawfulFines.on(table),
        ExpectGoodPayersLeftAlone.on(table),
        ExpectContactDay.on(table, **on_date),
        ExpectUsualVolume.on(table, severity=WARNING, maximum=maximum_messages),
    ]


def _calls(on_date: dict) -> list:
    table = "out_call_queue"
    return [
        unique(table, "customer_key", "Uma linha por cliente na fila"),
        filled(table, "message_key"),
        filled(table, "customer_name"),
        ExpectDecidedCalls.on(table),
        ExpectPriorities.on(table),
        ExpectQueuePositions.on(table),
        ExpectPhones.on(table, severity=WARNING),
        ExpectDisjointChannels.on(table),
        ExpectContactDay.on(table, **on_date),
    ]


def _thanks(on_date: dict) -> list:
    table = "out_surveys"
    return [
        ExpectWelcomeThanks.on(table, **on_date),
        ExpectRespectedWishes.on(table, channel="'email'", **on_date),
        ExpectContactDay.on(table, **on_date),
    ]
