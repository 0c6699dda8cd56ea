"""Expectations on the call queue of a candidate plan."""

from datetime import date

from cobranca.partitions.verdict import WARNING
from cobranca.quality.expectations import Expectation, NoOffenders, filled, unique
from cobranca.quality.suites.contacted_checks import ExpectContactDay


class ExpectDecidedCalls(NoOffenders):
    """The queue holds exactly the payers that are decided to be called."""

    title = "A fila de ligações tem exatamente os clientes decididos"
    needs = ("fct_decisions",)
    offending = """
        select 1
        from {batch} as queued
        full join (select distinct customer_key from fct_decisions where decision = 'call')
            as decided using (customer_key)
        where queued.message_key is null or decided.customer_key is null
    """


class ExpectDisjointChannels(NoOffenders):
    """A customer is either written to or called, not both on one day."""

    title = "Nenhum cliente recebe mensagem e ligação no mesmo dia"
    needs = ("out_reminders",)
    offending = (
        "select 1 from {batch} where customer_key in (select customer_key from out_reminders)"
    )


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
    """A payer without a telephone is in the queue only when the row says so."""

    title = "Telefone presente, ou a linha diz que falta"
    offending = """
        select 1 from {batch}
        where trim(coalesce(phone, '')) = ''
            and not regexp_matches(
                lower(coalesce(reason, '') || ' ' || coalesce(priority_reason, '')),
                'telefone|phone'
            )
    """


class ExpectDecidedJoinedCalls(NoOffenders):
    """Whoever shares a call is in the list once, with what is decided, on a call of the queue."""

    title = "Os outros credores de cada ligação são exatamente os decididos, com os seus valores"
    needs = ("fct_decisions", "out_call_queue")
    offending = """
        with shared as (
            select message_key, creditor from fct_decisions
            where decision = 'call' group by all having bool_or(reason = 'joined_call')
        ),
        decided as (
            select message_key, creditor, currency, sum(open_amount - credit_applied) as amount
            from fct_decisions join shared using (message_key, creditor)
            where decision = 'call' group by all
        )
        select 1
        from {batch} as joined
        full join shared using (message_key, creditor)
        left join decided using (message_key, creditor, currency)
        left join out_call_queue as queued using (message_key)
        where joined.open_amount is distinct from decided.amount
            or queued.customer_key is distinct from joined.customer_key
            or queued.creditor = joined.creditor
    """


def calls(business_date: date) -> list[Expectation]:
    """Every expectation on the call queue."""
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
        ExpectContactDay.on(table, business_date=business_date),
        ExpectDecidedJoinedCalls.on("out_joined_calls"),
    ]
