"""WhatsApp and SMS: the approved words filled in, sent by Twilio's SDK to a stand-in, kept in the outbox by default."""

import json
import logging
import socket
import threading
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
import yaml

from cobranca.connections import Connection
from cobranca.errors import ConfigError
from cobranca.policy import load_policy
from cobranca.policy.model import Texts
from cobranca.reminders import deliver, plan
from cobranca.reminders.channels.by_channel import ByChannel
from cobranca.reminders.channels.twilio_text import Twilio
from cobranca.reminders.letters import Unsendable
from cobranca.reminders.messages import PlanFile
from cobranca.reminders.preview import samples
from cobranca.reminders.writing import MessageWriter
from cobranca.settings import PROJECT_ROOT
from reminders.plans import TONIGHT, as_planned, item, message, noon, publish_plan
from reminders.respect import promises, refuse

PHONE = "+5511987654321"
SID = "HX" + "a" * 32


@pytest.fixture(autouse=True)
def _as_planned(monkeypatch):
    monkeypatch.setattr("cobranca.landing.standing_now", as_planned)


def edit(settings, **changes) -> None:
    path = settings.config / "texts.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(content | changes, allow_unicode=True, sort_keys=False), encoding="utf-8")


def planned(settings, number: int = 1, items=None, **changes):
    batch = publish_plan(settings, [message(number, items, channel="whatsapp", phone=PHONE, **changes)])
    with PlanFile(batch.path("out_reminders.parquet")) as file:
        return [found for chunk in file.messages() for found in chunk][0]


def test_a_text_says_who_writes_what_is_late_and_how_to_pay(settings):
    writer = MessageWriter(load_policy(settings.config, TONIGHT), TONIGHT)
    text = writer.write(planned(settings, items=[item("R1", days=9), item("R2", days=2)]))
    assert (text.to_number, text.channel, text.template) == (PHONE, "whatsapp", "first_notice")
    assert "Olá, Maria!" in text.body
    assert "2 títulos com vencimentos de 09/11/2026 a 16/11/2026" in text.body
    assert "https://pagar.example.com.br/R1 e https://pagar.example.com.br/R2" in text.body
    assert "{" not in text.body and PHONE not in repr(text) and "Maria" not in repr(text)
    # The numbered values rebuild the very text that was approved.
    template = load_policy(settings.config, TONIGHT).texts.texts["first_notice"]["whatsapp"].body
    names = []
    for part in template.split("{")[1:]:
        name = part.split("}")[0]
        if name not in names:
            names.append(name)
    rebuilt = template
    for name, (_, value) in zip(names, text.variables, strict=True):
        rebuilt = rebuilt.replace(f"{{{name}}}", value)
    assert rebuilt == text.body


def test_currencies_are_never_added_in_a_text(settings):
    body = "{razao_social} {cnpj} {endereco} {contato} {link} {valores} | {total}"
    edit(settings, texts={"first_notice": {"whatsapp": {"body": body}}})
    writer = MessageWriter(load_policy(settings.config, TONIGHT), TONIGHT)
    dollars = {"currency": "USD", "boleto_line": None, "pix_code": None}
    items = [item("R1"), item("R2", amount="10.00", **dollars), item("R3", amount="5.00", **dollars)]
    said = writer.write(planned(settings, items=items)).body.replace("\u00a0", " ")
    reais = "R$ 1.020,33 (principal R$ 1.000,00, multa R$ 20,00, juros R$ 0,33)"
    assert f"{reais} e US$ 15,30 (principal US$ 15,00, multa US$ 0,30, juros US$ 0,00) | R$ 1.020,33 e US$ 15,30" in said


SHIPPED = load_policy(PROJECT_ROOT / "include" / "config", TONIGHT)
EVERY_TEXT = [(template, channel) for template, by_channel in SHIPPED.texts.texts.items() for channel in by_channel]
ONE, TWO = "1 título com vencimento em {}", "2 títulos com vencimentos de {} a {}"
LATE = "R$ 1.280,09 (principal R$ 1.250,90, multa R$ 25,02, juros R$ 4,17)"


@pytest.mark.parametrize(("template", "channel"), EVERY_TEXT)
@pytest.mark.parametrize("number", [1, 2])
def test_every_text_holds_what_a_letter_must(template, channel, number):
    """Who writes (CDC, art. 42-A), principal, fine and interest (Lei SP 14.953/2013), how to pay, whom to ask."""
    is_late = template not in ("preventive", "due_today")
    days = 10 if is_late else -3 if template == "preventive" else 0
    items = tuple(planned_item(f"A{n}", days - n, is_late) for n in range(number))
    message = replace(samples(TONIGHT)["3-first_notice"][1], template=template, channel=channel, phone=PHONE, items=items)
    message = replace(message, step_offset=days)
    body = MessageWriter(SHIPPED, TONIGHT).write(message).body.replace("\u00a0", " ")
    creditor = SHIPPED.creditor
    for field in (creditor.legal_name, creditor.tax_id, creditor.full_address, creditor.phone, creditor.trade_name):
        assert field in body, field
    first, last = (f"{due:%d/%m/%Y}" for due in (items[0].due_date, items[-1].due_date))
    # on the due date the text is about what falls due that day
    spoken = 1 if template == "due_today" else number
    assert (ONE.format(first) if spoken == 1 else TWO.format(first, last)) in body
    amount = LATE if is_late else "R$ 1.250,90"
    assert amount in body if spoken == 1 else "R$ 2.560,18 (principal R$ 2.501,80" in body or "R$ 2.501,80." in body
    assert ("multa" in body) == is_late
    assert " e ".join(item.payment_url for item in items[:spoken]) in body
    assert "Se já pagou" in body and not set("{}") & set(body) and len(body) <= 1024
    assert refuse(body) == [] and promises(body) == []


def planned_item(receivable_id: str, days: int, is_late: bool):
    source = samples(TONIGHT)["6-last_notice"][1].items[0]
    due, zero = TONIGHT - timedelta(days=days), Decimal(0)
    fine, interest = (Decimal("25.02"), Decimal("4.17")) if is_late else (zero, zero)
    amount = Decimal("1250.90")
    return replace(
        source,
        receivable_id=receivable_id,
        section="overdue" if is_late else "upcoming",
        is_carrier=receivable_id == "A0",
        due_date=due,
        effective_due_date=due,
        amount=amount,
        open_amount=amount,
        fine=fine,
        interest=interest,
        amount_due=amount + fine + interest,
        payment_url=f"https://pagar.example.com.br/{receivable_id}",
    )


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (["https://a.example/1"], "https://a.example/1"),
        (["https://a.example/1", None], "https://www.example.com.br"),
        ([None], "https://www.example.com.br"),
        ([f"https://a.example/{n}" for n in range(4)], "https://www.example.com.br"),
    ],
)
def test_a_text_leads_to_where_everything_can_be_paid(urls, said):
    items = tuple(replace(planned_item(f"A{n}", 10, True), payment_url=url) for n, url in enumerate(urls))
    message = replace(samples(TONIGHT)["3-first_notice"][1], channel="sms", phone=PHONE, items=items)
    assert f"Como pagar: {said}. " in MessageWriter(SHIPPED, TONIGHT).write(message).body


@pytest.mark.parametrize(("name", "said"), [("SILVA, MARIA", "Olá, cliente!"), ("Exemplo Ltda.", "Olá, Exemplo Ltda!")])
def test_a_text_greets_as_a_letter_does_and_is_never_without_a_word(name, said):
    items = (planned_item("A0", 10, True),)
    message = replace(samples(TONIGHT)["3-first_notice"][1], channel="whatsapp", phone=PHONE, items=items, customer_name=name)
    text = MessageWriter(SHIPPED, TONIGHT).write(message)
    assert said in text.body and all(value for _, value in text.variables)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payment_url": "https://\u0430pple.com/"}, "link de pagamento inválido"),
        ({"interest": Decimal("0.01")}, "não somam"),
    ],
)
def test_a_text_with_something_wrong_in_it_is_refused(changes, reason):
    items = (replace(planned_item("A0", 10, True), **changes),)
    with pytest.raises(Unsendable, match=reason):
        MessageWriter(SHIPPED, TONIGHT).write(
            replace(samples(TONIGHT)["3-first_notice"][1], channel="sms", phone=PHONE, items=items)
        )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phone": None}, "telefone"),
        ({"phone": "11 98765-4321"}, "telefone"),
        ({"template": "last_notice"}, "não há texto"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_reason(settings, changes, reason):
    writer = MessageWriter(load_policy(settings.config, TONIGHT), TONIGHT)
    with pytest.raises(Unsendable, match=reason):
        writer.write(replace(planned(settings), **changes))


def test_by_default_texts_stay_in_the_outbox(settings):
    publish_plan(settings, [message(1), message(2, channel="whatsapp"), message(3, channel="sms")])
    plan(settings, TONIGHT)
    assert deliver(settings, TONIGHT).sent == 3
    folder = settings.folder("outbox", TONIGHT)
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in folder.glob("*.eml")]
    texts = {str(mail["Subject"]): mail for mail in mails if mail["Subject"] in ("WhatsApp", "SMS")}
    assert set(texts) == {"WhatsApp", "SMS"}
    assert "Ipê Amarelo" in texts["SMS"].get_content()
    assert deliver(settings, TONIGHT).new == 0


BAD_TEXTS = {
    "an unknown place": (
        {"texts": {"preventive": {"sms": {"body": "Olá {apelido}"}}}},
        "unknown place '{apelido}'",
    ),
    "no address": ({"texts": {"first_notice": {"sms": {"body": "Olá {nome}, {razao_social}, {cnpj}"}}}}, "{endereco}.*42-A"),
    "no amounts": (
        {"texts": {"preventive": {"sms": {"body": "{razao_social} {cnpj} {endereco} {contato} {link} {total}"}}}},
        r"lacks {valores}\D",
    ),
    "no approved template": (
        {"connection": "twilio", "whatsapp_from": PHONE, "texts": {"preventive": {"whatsapp": {"body": "Olá"}}}},
        "no content_sid",
    ),
    "no number": ({"connection": "twilio", "texts": {"preventive": {"sms": {"body": "Olá"}}}}, "'sms_from' is empty"),
    "a strange number": ({"sms_from": "11 4000-0000"}, "sms_from"),
    "an open address": ({"status_url": "http://example.com"}, "status_url"),
}


@pytest.mark.parametrize(("changes", "problem"), BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
def test_texts_that_may_not_be_sent_are_refused_before_the_night(settings, changes, problem):
    edit(settings, **changes)
    with pytest.raises(ConfigError, match=rf"texts\.yml:\d+: (?s:.*){problem}"):
        load_policy(settings.config, TONIGHT)


def test_a_step_without_its_text_is_refused_before_the_night(settings):
    path = settings.config / "regua.yml"
    text, step = path.read_text(encoding="utf-8"), "offset: 65, channel: email, template: last_notice"
    assert step in text
    path.write_text(text.replace(step, step.replace("email", "sms")), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"texts\.yml:\d+: there is no sms text for 'last_notice', which step d\+65"):
        load_policy(settings.config, TONIGHT)


class StandIn:
    """Twilio's endpoint for messages, misbehaving by script; ``accepted`` is the truth."""

    def __init__(self, behaviour: str = "ok"):
        self.behaviour, self.accepted = behaviour, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                outer.answer(self, {name: values[0] for name, values in form.items()})

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler, form: dict) -> None:
        if self.behaviour in ("ok", "accept then drop", "accept then late", "accept then 500"):
            self.accepted.append(form)
        if self.behaviour == "accept then drop":
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if self.behaviour == "accept then late":
            time.sleep(1.5)
        status = {"401": 401, "403": 403, "429": 429, "400": 400, "302": 302, "accept then 500": 500, "503": 503}
        code = status.get(self.behaviour, 201)
        told = {"sid": f"SM{len(self.accepted):032x}", "status": "queued"}
        if code >= 400:
            told = {"code": 21211, "message": f"{PHONE} is not valid", "status": code}
        request.send_response(code)
        if code == 302:
            request.send_header("Location", f"http://127.0.0.1:{self.port}/elsewhere")
        request.end_headers()
        request.wfile.write(b"{" if self.behaviour == "half" else json.dumps(told).encode())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def twilio():
    made = []

    def make(behaviour: str = "ok", **changes) -> tuple[Twilio, StandIn]:
        stand_in = StandIn(behaviour)
        made.append(stand_in)
        texts = Texts(
            connection="twilio",
            whatsapp_from="+5511400000000",
            sms_from="+5511400000001",
            status_url="https://example.com/cobranca/events/twilio",
        )
        connection = Connection("twilio", "twilio", "127.0.0.1", stand_in.port, "AC" + "0" * 32, "token-secret")
        # only an answer that is late on purpose may come too late
        return Twilio(connection, texts, timeout_seconds=0.7 if behaviour == "accept then late" else 20), stand_in

    yield make
    for stand_in in made:
        stand_in.close()


ANSWERS = {
    "ok": "sent",
    "accept then drop": "unknown",
    "accept then late": "unknown",
    "accept then 500": "unknown",
    "503": "unknown",
    "302": "unknown",
    "half": "unknown",
    "429": "retry",
    "400": "rejected",
    "401": "halt",
    "403": "halt",
}


@pytest.mark.parametrize(("behaviour", "result"), ANSWERS.items())
def test_each_answer_of_twilio_has_one_meaning(settings, twilio, behaviour, result, caplog):
    caplog.set_level(logging.DEBUG)
    channel, stand_in = twilio(behaviour)
    text = MessageWriter(load_policy(settings.config, TONIGHT), TONIGHT).write(planned(settings))
    outcome = channel.send(text)
    assert outcome.result == result
    assert (outcome.provider_message_id is not None) == (result == "sent")
    for secret in (PHONE, "token-secret", "Maria"):
        assert secret not in caplog.text and secret not in repr(outcome)
    if stand_in.accepted:
        assert result in ("sent", "unknown"), "what was accepted is never sent again"


def test_a_refused_connection_is_tried_again(settings, twilio):
    channel, stand_in = twilio()
    stand_in.close()
    text = MessageWriter(load_policy(settings.config, TONIGHT), TONIGHT).write(planned(settings))
    assert channel.send(text).result == "retry"


def test_what_twilio_is_told(settings, twilio):
    channel, stand_in = twilio()
    policy_now = load_policy(settings.config, TONIGHT)
    text = MessageWriter(policy_now, TONIGHT).write(planned(settings))
    channel.send(text)
    channel.send(replace(text, channel="sms", content_sid=None))
    channel.send(replace(text, content_sid=SID))
    whatsapp, sms, approved = stand_in.accepted
    assert (whatsapp["To"], whatsapp["From"]) == (f"whatsapp:{PHONE}", "whatsapp:+5511400000000")
    assert (sms["To"], sms["From"], sms["Body"]) == (PHONE, "+5511400000001", text.body)
    assert sms["StatusCallback"].endswith(f"/cobranca/events/twilio?message_key={text.message_key}")
    assert approved["ContentSid"] == SID and "Body" not in approved
    assert json.loads(approved["ContentVariables"])["1"] == "Maria"


def test_a_night_goes_out_by_the_channel_of_each_message_once(settings, twilio):
    channel, stand_in = twilio()
    publish_plan(settings, [message(1), message(2, channel="whatsapp"), message(3, channel="sms")])
    plan(settings, TONIGHT)
    both = ByChannel({"whatsapp": channel, "sms": channel})
    counts = deliver(settings, TONIGHT, channel=both, clock=noon(TONIGHT))
    assert (counts.sent, counts.rejected) == (2, 1), "e-mail is not configured here"
    assert deliver(settings, TONIGHT, channel=both, clock=noon(TONIGHT)).new == 0
    assert sorted(sent["To"] for sent in stand_in.accepted) == [PHONE, f"whatsapp:{PHONE}"]


def test_texts_wait_for_their_hour(settings, twilio):
    channel, stand_in = twilio()
    publish_plan(settings, [message(2, channel="whatsapp", phone=PHONE)])
    plan(settings, TONIGHT)
    evening = noon(TONIGHT)().replace(hour=19)
    deliver(settings, TONIGHT, channel=ByChannel({"whatsapp": channel}), clock=lambda: evening)
    assert stand_in.accepted == []
    deliver(settings, TONIGHT, channel=ByChannel({"whatsapp": channel}), clock=noon(TONIGHT))
    assert len(stand_in.accepted) == 1


def test_a_connection_without_token_says_what_is_missing():
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_TWILIO"):
        Twilio(Connection("twilio", "twilio"), Texts())
