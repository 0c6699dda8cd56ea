"""One answer of an agent, to the day and the cent: what is recorded, and what is refused.

Identities are pinned, for a file that comes again in a later version must find what it recorded.
"""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from cobranca.policy.outcome_codes import OutcomeCode
from cobranca.queues.parse_outcomes import AgentOutcome, understand
from cobranca.queues.queue_columns import (
    AMOUNT,
    CALLED_ON,
    DELAY_REASON,
    INSTALLMENTS,
    PROMISED_ON,
    RESULT,
)
from cobranca.queues.returned_files import Answer
from queues.call_plan import DAY, call

CODES = tuple(
    OutcomeCode(
        code=code,
        label=label,
        is_effective_contact=True,
        is_right_party=True,
        effect=effect,
        pause_days=0,
    )
    for code, label, effect in (
        ("PROMESSA", "Prometeu pagar (informe data e valor)", "promise"),
        ("ACORDO", "Fechou acordo", "agreement"),
        ("AGENDADO", "Pediu retorno", "scheduled"),
        ("RECADO", "Recado deixado, sem mencionar a dívida", "none"),
    )
)
ONE = f"{1:032x}"


def answer(result: str | None, line: int = 2, key: str = ONE, **cells) -> Answer:
    headings = {
        "reason": DELAY_REASON,
        "day": PROMISED_ON,
        "amount": AMOUNT,
        "installments": INSTALLMENTS,
        "called_on": CALLED_ON,
    }
    typed = {headings[name]: value for name, value in cells.items()}
    return Answer("ana.xlsx", line, key, {RESULT: result, **typed})


def parse(*answers: Answer, **changes):
    row = call(1) | changes
    return understand(list(answers), {row["message_key"]: row}, CODES)


def recorded(result: str, changes: dict | None = None, **cells) -> AgentOutcome:
    (found,), refused = parse(answer(result, **cells), **(changes or {}))
    assert refused == []
    return found


def reason(result: str | None, changes: dict | None = None, **cells) -> str:
    found, (refused,) = parse(answer(result, **cells), **(changes or {}))
    assert found == []
    return refused.reason


def test_an_outcome_holds_what_the_queue_said_of_the_payer():
    given = answer("RECADO", reason="esqueceu", called_on="19/11/2026", day="25/11")
    (found,), _ = parse(given)
    assert found.answer is given
    assert found.outcome == {
        "outcome_id": "6c7240798f08429c62e8e0606192a450",
        "contacted_on": date(2026, 11, 19),
        "message_key": ONE,
        "customer_key": "C00000000000000000001",
        "creditor": "principal",
        "episode_key": "erp:1",
        "step": "d+10",
        "step_offset": 10,
        "policy_version": "2026-01",
        "agent_id": "ana",
        "code": "RECADO",
        "delay_reason": "ESQUECEU",
        "follow_up_on": None,
    }
    assert found.promise is found.agreement is None


def test_a_promise_holds_its_own_terms():
    found = recorded("PROMESSA", called_on="19/11/2026", day="25/11", amount="500,25")
    assert found.outcome["follow_up_on"] == date(2026, 11, 25)
    assert found.promise == {
        "promise_id": "33dd2fdf08b599d15320f8dc07ad87e4",
        "customer_key": "C00000000000000000001",
        "creditor": "principal",
        "made_on": date(2026, 11, 19),
        "promised_on": date(2026, 11, 25),
        "currency": "BRL",
        "amount": Decimal("500.25"),
        "agent_id": "ana",
    }
    assert found.agreement is None


def test_an_agreement_holds_its_own_terms():
    found = recorded(
        "ACORDO", called_on="19/11/2026", day="25/11", amount="1.000,00", installments="3x"
    )
    assert found.outcome["follow_up_on"] == date(2026, 11, 25)
    assert found.agreement == {
        "agreement_id": "dc233941bd532e534fbe5d7c051bf4e7",
        "customer_key": "C00000000000000000001",
        "creditor": "principal",
        "agreed_on": date(2026, 11, 19),
        "currency": "BRL",
        "amount": Decimal("1000.00"),
        "installments": 3,
        "discount_rate": Decimal("0.022798"),
        "agent_id": "ana",
    }
    assert found.promise is None


def test_a_call_back_has_a_day_and_no_promise():
    found = recorded("AGENDADO", day="25/11")
    assert found.outcome["follow_up_on"] == date(2026, 11, 25)
    assert found.promise is found.agreement is None


@pytest.mark.parametrize("result", ["PROMESSA", "ACORDO", "AGENDADO"])
def test_a_day_is_from_the_call_to_90_days_later(result):
    rest = {"amount": 1000, "installments": 1} if result == "ACORDO" else {}
    called_on = DAY + timedelta(days=2)
    for days in (0, 1, 89, 90):
        day = called_on + timedelta(days=days)
        found = recorded(result, called_on=called_on, day=day, **rest)
        assert found.outcome["follow_up_on"] == day
    for days, words in (
        (-1, "Data prometida: é anterior à ligação"),
        (91, "Data prometida: passa de 90 dias da ligação"),
    ):
        day = called_on + timedelta(days=days)
        assert reason(result, called_on=called_on, day=day, **rest) == words
    assert reason(result, called_on=called_on, **rest) == (
        "Data prometida: falta a data da promessa, da primeira parcela ou do retorno"
    )


def test_a_day_without_a_year_is_the_next_one_after_the_call():
    found = recorded("AGENDADO", called_on="20/11/2026", day="20/11")
    assert found.outcome["follow_up_on"] == date(2026, 11, 20)
    with_passed_day = reason("AGENDADO", called_on="20/11/2026", day="19/11")
    assert with_passed_day == "Data prometida: passa de 90 dias da ligação"


def test_a_call_is_on_the_day_of_the_queue_or_later():
    assert recorded("RECADO").outcome["contacted_on"] == DAY
    assert recorded("RECADO", called_on=DAY).outcome["contacted_on"] == DAY
    next_day = DAY + timedelta(days=1)
    assert recorded("RECADO", called_on=next_day).outcome["contacted_on"] == next_day
    before = DAY - timedelta(days=1)
    assert reason("RECADO", called_on=before) == "Data da ligação: é anterior à fila"


def test_a_call_without_a_year_is_of_the_queues_year_or_the_next():
    changes = {"business_date": date(2026, 12, 30)}
    found = recorded("RECADO", changes, called_on="2/1")
    assert found.outcome["contacted_on"] == date(2027, 1, 2)


@pytest.mark.parametrize("result", ["PROMESSA", "ACORDO"])
def test_an_amount_is_at_most_a_tenth_above_the_debt(result):
    rest = {"installments": 1} if result == "ACORDO" else {}
    changes = {"amount_due": Decimal("100.00"), "max_discount_rate": Decimal("0.50")}
    found = recorded(result, changes, day="25/11", amount="110,00", **rest)
    assert (found.promise or found.agreement)["amount"] == Decimal("110.00")
    assert reason(result, changes, day="25/11", amount="110,01", **rest) == (
        "Valor prometido: é maior que a dívida; confira a vírgula"
    )


def test_a_promise_without_an_amount_is_for_what_is_due():
    assert recorded("PROMESSA", day="25/11").promise["amount"] == Decimal("1023.33")


@pytest.mark.parametrize(
    ("due", "limit", "lowest", "refused"),
    [
        ("1023.33", "0.10", "920.99", "920.98"),
        ("1000.00", "0.10", "899.99", "899.98"),
        ("1000.00", "0", "999.99", "999.98"),
    ],
)
def test_a_discount_is_within_the_agents_limit_to_the_cent(due, limit, lowest, refused):
    changes = {"amount_due": Decimal(due), "max_discount_rate": Decimal(limit)}
    rest = {"day": "25/11", "installments": 1}
    found = recorded("ACORDO", changes, amount=Decimal(lowest), **rest)
    assert found.agreement["amount"] == Decimal(lowest)
    assert reason("ACORDO", changes, amount=Decimal(refused), **rest) == (
        "Valor prometido: o desconto passa da alçada do agente; passe ao supervisor"
    )


@pytest.mark.parametrize(
    ("due", "amount", "rate"),
    [
        ("1000.00", "1000.00", "0.000000"),
        ("1000.00", "1100.00", "0.000000"),
        ("1000.00", "950.00", "0.050000"),
        ("200000.00", "199999.90", "0.000001"),
        ("300.00", "299.99", "0.000033"),
        ("150.00", "149.99", "0.000067"),
    ],
)
def test_a_discount_rate_is_rounded_half_up_to_six_places(due, amount, rate):
    changes = {"amount_due": Decimal(due)}
    found = recorded("ACORDO", changes, day="25/11", amount=Decimal(amount), installments=1)
    assert str(found.agreement["discount_rate"]) == rate


def test_instalments_are_within_the_agents_limit():
    rest = {"day": "25/11", "amount": 1000}
    for number in (1, 6):
        assert recorded("ACORDO", installments=number, **rest).agreement["installments"] == number
    assert reason("ACORDO", installments=7, **rest) == (
        "Parcelas: passa da alçada do agente; passe ao supervisor"
    )
    assert reason("ACORDO", **rest) == "Parcelas: falta o número de parcelas; 1 é à vista"
    assert reason("ACORDO", day="25/11", installments=1) == (
        "Valor prometido: falta o valor total do acordo"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"max_discount_rate": None},
        {"max_installments": None},
        {"max_discount_rate": None, "max_installments": None},
    ],
)
def test_an_agreement_needs_an_agent_with_both_limits(changes):
    assert reason("ACORDO", changes, day="25/11", amount=1000, installments=1) == (
        "acordos desta lista precisam de um agente com alçada; passe ao supervisor"
    )


def test_a_request_is_the_call_of_the_agreement_under_a_code_of_its_own():
    """Its pause is that of the code, so the day of the first instalment is left out."""
    with_requests = (
        *CODES,
        CODES[0].model_copy(update={"code": "PEDIDO", "label": "Pediu mais", "effect": "request"}),
    )
    row = call(1)
    asked = answer(
        "ACORDO",
        reason="esqueceu",
        called_on="19/11/2026",
        day="25/11",
        amount=1000,
        installments=7,
    )
    found, (refused,) = understand([asked], {row["message_key"]: row}, with_requests)
    assert found == []
    assert refused.reason == "Parcelas: passa da alçada do agente; o pedido foi para a supervisão"
    agreed = recorded(
        "ACORDO",
        reason="esqueceu",
        called_on="19/11/2026",
        day="25/11",
        amount=1000,
        installments=6,
    )
    changed = {
        name: (refused.request[name], value)
        for name, value in agreed.outcome.items()
        if refused.request[name] != value
    }
    assert changed == {
        "outcome_id": ("34bf2d7233c11cfbb89226ac9b137e12", agreed.outcome["outcome_id"]),
        "code": ("PEDIDO", "ACORDO"),
        "follow_up_on": (None, date(2026, 11, 25)),
    }


def test_a_slip_of_the_pen_is_no_request():
    with_requests = (
        *CODES,
        CODES[0].model_copy(update={"code": "PEDIDO", "label": "Pediu mais", "effect": "request"}),
    )
    row = call(1)
    slips = [
        answer("ACORDO", day="25/11", amount=1000),
        answer("ACORDO", day="25/11", amount=5000, installments=2),
        answer("PROMESSA", day="25/11", amount=5000),
    ]
    _, refused = understand(slips, {row["message_key"]: row}, with_requests)
    assert [item.request for item in refused] == [None, None, None]


def test_a_row_of_no_agent_is_of_the_reserve():
    assert recorded("RECADO", {"agent_id": None}).outcome["agent_id"] == "reserva"
    promise = recorded("PROMESSA", {"agent_id": None}, day="25/11").promise
    assert promise["agent_id"] == "reserva"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (answer("RECADO", key=""), "a linha perdeu a coluna oculta message_key"),
        (answer("RECADO", key="f" * 32), "message_key não é de nenhuma fila dos últimos 30 dias"),
        (answer(None), "Resultado: falta preencher"),
        (answer("talvez"), "Resultado: não está na lista"),
        (answer("RECADO", reason="chuva"), "Motivo do atraso: não está na lista"),
        (answer("RECADO", day="ontem"), "Data prometida: não é uma data"),
        (answer("RECADO", amount="tudo"), "Valor prometido: não é um valor"),
        (answer("RECADO", installments="x"), "Parcelas: não é um número"),
        (answer("RECADO", called_on="ontem"), "Data da ligação: não é uma data"),
    ],
)
def test_a_refusal_names_the_column(given, words):
    found, (refused,) = parse(given)
    assert found == [] and refused.answer is given
    assert refused.reason.startswith(words)


def test_a_result_may_be_typed_as_its_label():
    assert recorded("Prometeu pagar", day="25/11").outcome["code"] == "PROMESSA"


def test_the_first_of_two_contradicting_answers_counts_and_a_repeated_one_does_not_contradict():
    first, again = answer("RECADO"), answer("recado", line=3)
    other = answer("AGENDADO", line=4, day="25/11")
    found, refused = parse(first, again, other)
    assert [one.answer for one in found] == [first, again]
    assert [(one.answer, one.reason) for one in refused] == [
        (
            other,
            "este caso aparece duas vezes no arquivo com respostas diferentes; deixe só uma",
        )
    ]


def test_answers_to_two_cases_do_not_contradict_each_other():
    rows = {row["message_key"]: row for row in (call(1), call(2))}
    given = [answer("RECADO"), answer("AGENDADO", line=3, key=f"{2:032x}", day="25/11")]
    found, refused = understand(given, rows, CODES)
    assert [one.answer for one in found] == given and refused == []


def test_a_refused_answer_does_not_stand_in_the_way_of_a_good_one():
    found, refused = parse(answer("talvez"), answer("RECADO", line=3))
    assert [one.answer.line for one in found] == [3]
    assert [one.answer.line for one in refused] == [2]
