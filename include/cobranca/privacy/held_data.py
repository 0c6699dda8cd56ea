"""Tables of everything that is held about one payer, in Portuguese."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cobranca.explain.nights import Night
from cobranca.labels import CHANNELS, CLASSES, DECISIONS, contact_state, reason, score_sentence
from cobranca.money import format_number
from cobranca.partitions.manifest import Manifest
from cobranca.policy import Policy
from cobranca.privacy.payer_traces import Payer
from cobranca.queues.queue_columns import DELAY_REASONS, format_phone
from cobranca.redaction.parquet_redaction import CUSTOMERS, marked_customers
from cobranca.schema import PRINCIPAL
from cobranca.settings import Settings
from cobranca.time_zone import TIME_ZONE

if TYPE_CHECKING:
    import sqlalchemy as sa

YES_NO = {True: "sim", False: "não"}
STATUS = {
    "open": "em aberto",
    "cancelled": "cancelado",
    "written_off": "baixado",
    "agreed": "em acordo",
}
KINDS = {
    "payment": "pagamento",
    "credit_note": "crédito",
    "discount": "desconto",
    "write_off": "baixa",
    "reversal": "estorno",
}
CONTRACTS = {"consumer": "pessoa física (consumidor)", "business": "empresa"}
ORIGINS = {
    "link": "link de descadastramento",
    "complained": "mensagem marcada como indesejada",
    "opted_out": "pedido registrado pelo provedor",
    "erasure": "apagamento dos dados",
}

Row = Mapping[str, Any]
"""A row of any table, landed, decided or of the ledger; each column has its own function."""
Value = str | bool | int | None


Columns = dict[str, Callable[[Row], Value]]


@dataclass(frozen=True)
class DataSection:
    """One table of the answer, with a sentence on what it is."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    @property
    def filled(self) -> list[int]:
        """The places of the columns that hold anything: a page has no room for the others."""
        return [
            place
            for place in range(len(self.columns))
            if any(row[place] is not None for row in self.rows)
        ]


def held_data(
    settings: Settings, payer: Payer, nights: Sequence[Night], policy: Policy
) -> list[DataSection]:
    """What the sources hold, what was decided and what was done about the payer."""
    names = policy.creditor_names
    return [
        *_registered(settings, payer, names),
        *_decided(nights, names),
        *_contacted(settings, payer, policy, names),
    ]


def _creditor(names: Mapping[str, str]) -> Columns:
    """To whom a row belongs, where there are several creditors."""
    if len(names) == 1:
        return {}

    def name_of(row: Row) -> Value:
        creditor = row.get("creditor") or PRINCIPAL
        return names.get(creditor, creditor)

    return {"credor": name_of}


def _only_creditor(names: Mapping[str, str]) -> Columns:
    """For whom alone a row holds, where there are several creditors."""
    if len(names) == 1:
        return {}

    def name_of(row: Row) -> Value:
        only = row.get("only_creditor")
        return names.get(only, only) if only else "todos"

    return {"credor": name_of}


def _registered(settings: Settings, payer: Payer, names: Mapping[str, str]) -> list[DataSection]:
    """The newest landing's rows about the payer's accounts."""
    from cobranca.partitions.landing_partition import previous_landing

    landed = previous_landing(settings, date.max)
    customers: list[Row] = []
    receivables: list[Row] = []
    payments: list[Row] = []
    if landed is not None:
        for entry in landed.files:
            source, _, name = entry.name.rpartition("/")
            if name != CUSTOMERS:
                continue
            ids = list(marked_customers(landed.folder / entry.name, source, payer.erasures))
            customers += _rows(landed, f"{source}/customers.parquet", "customer_id", ids)
            owed = _rows(landed, f"{source}/receivables.parquet", "customer_id", ids)
            receivables += owed
            creditors = {row["receivable_id"]: row.get("creditor") for row in owed}
            paid = f"{source}/payments.parquet"
            payments += [
                {**row, "creditor": creditors[row["receivable_id"]]}
                for row in _rows(landed, paid, "receivable_id", list(creditors))
            ]
            # money that came in for no receivable
            payments += [
                row
                for row in _rows(landed, paid, "customer_id", ids)
                if row["receivable_id"] is None
            ]
    when = (
        f"Como estavam na última leitura, de {_day(landed.business_date)}."
        if landed
        else "Nenhuma leitura guardada."
    )
    return [
        _section(
            "dados cadastrais",
            f"{when} A origem de cada dado é o sistema indicado.",
            customers,
            {
                "origem": lambda row: row["source"],
                "código": lambda row: row["customer_id"],
                "nome": lambda row: row["name"],
                "CPF/CNPJ": lambda row: _tax_id(row["tax_id"]),
                "e-mail": lambda row: row["email"],
                "telefone": lambda row: format_phone(row["phone"]) or None,
                "cidade": lambda row: row["city"],
                "UF": lambda row: row["state"],
                "segmento": lambda row: row["segment"],
                "contrato": lambda row: CONTRACTS.get(row["contract_type"], row["contract_type"]),
                "canal preferido": lambda row: CHANNELS.get(
                    row["preferred_channel"], row["preferred_channel"]
                ),
                "não quer e-mail": lambda row: YES_NO.get(row["opt_out_email"]),
                "não quer ligações": lambda row: YES_NO.get(row["opt_out_phone"]),
                "suspensão judicial": lambda row: YES_NO.get(row["legal_hold"]),
                "falecimento informado": lambda row: YES_NO.get(row["deceased"]),
            },
        ),
        _section(
            "títulos",
            "Os valores devidos, pagos ou não.",
            receivables,
            _creditor(names)
            | {
                "origem": lambda row: row["source"],
                "código": lambda row: row["receivable_id"],
                "documento": lambda row: row["document_number"],
                "parcela": lambda row: row["installment"],
                "emissão": lambda row: _day(row["issue_date"]),
                "vencimento": lambda row: _day(row["due_date"]),
                "moeda": lambda row: row["currency"],
                "valor": lambda row: _money(row["amount"]),
                "situação na origem": lambda row: STATUS.get(row["status"], row["status"]),
                "contestado": lambda row: YES_NO.get(row["disputed"]),
                "linha digitável": lambda row: row["boleto_line"],
                "Pix copia e cola": lambda row: row["pix_code"],
                "link de pagamento": lambda row: row["payment_url"],
            },
        ),
        _section(
            "pagamentos",
            "O que foi pago, creditado ou estornado de cada título, e o que foi pago sem título.",
            payments,
            _creditor(names)
            | {
                "origem": lambda row: row["source"],
                "título": lambda row: row["receivable_id"],
                "data": lambda row: _day(row["paid_on"]),
                "valor": lambda row: _money(row["amount"]),
                "tipo": lambda row: KINDS.get(row["kind"], row["kind"]),
                "meio": lambda row: row["method"],
            },
        ),
    ]


def _rows(landed: Manifest, name: str, column: str, wanted: Sequence[str]) -> list[Row]:
    import pyarrow.parquet as pq

    path = landed.path(name)
    if not wanted or column not in pq.read_schema(path).names:
        return []
    rows: list[Row] = pq.read_table(path, filters=[(column, "in", list(wanted))]).to_pylist()
    return rows


def _decided(nights: Sequence[Night], names: Mapping[str, str]) -> list[DataSection]:
    newest = nights[-1]
    return [
        _section(
            "valores em aberto",
            f"Na noite de {_day(newest.business_date)}, com multa e juros.",
            newest.receivables.values(),
            _creditor(names)
            | {
                "título": lambda row: row["receivable_key"],
                "vencimento": lambda row: _day(row["due_date"]),
                "dias de atraso": lambda row: max(row["days_past_due"], 0),
                "moeda": lambda row: row["currency"],
                "em aberto": lambda row: _money(row["open_amount"]),
                "multa": lambda row: _money(row["fine"]),
                "juros": lambda row: _money(row["interest"]),
                "total": lambda row: _money(row["amount_due"]),
            },
        ),
        _section(
            "avaliação automática de como os títulos foram pagos",
            "Uma nota de 0 a 100 e uma classe, só a partir dos títulos e pagamentos acima; "
            "decidem se há lembrete antes do"
            " vencimento e em que ordem se liga. Pode-se pedir a revisão por uma pessoa (LGPD, "
            "art. 20).",
            [{"night": night.business_date, **night.ranking} for night in nights if night.ranking],
            {
                "noite": lambda row: _day(row["night"]),
                "classe": lambda row: CLASSES.get(row["payer_class"], row["payer_class"]),
                "nota": lambda row: row["score"],
                "por quê": lambda row: score_sentence(row.get("score_reasons")),
            },
        ),
        _section(
            "decisões de cada noite",
            "De cada título em aberto: se haveria contato, por qual canal, e por quê.",
            [{"night": night.business_date, **row} for night in nights for row in night.decisions],
            _creditor(names)
            | {
                "noite": lambda row: _day(row["night"]),
                "título": lambda row: row["receivable_key"],
                "decisão": lambda row: DECISIONS.get(row["decision"], row["decision"]),
                "canal": lambda row: CHANNELS.get(row["channel"], row["channel"]),
                "motivo": lambda row: reason(row["reason"]),
                "régua": lambda row: row["policy_version"],
            },
        ),
        _section(
            "suspensões registradas",
            f"As que valiam na noite de {_day(newest.business_date)}.",
            newest.holds,
            _only_creditor(names)
            | {
                "motivo": lambda row: reason(f"hold_{row['reason']}"),
                "desde": lambda row: _day(row["starts_on"]),
                "até": lambda row: _day(row["expires_on"]),
            },
        ),
    ]


def _contacted(
    settings: Settings, payer: Payer, policy: Policy, names: Mapping[str, str]
) -> list[DataSection]:
    answers = {code.code: code.label for code in policy.outcome_codes}
    held = _ledger(settings, payer)
    return [
        _section(
            "mensagens",
            "Cada mensagem planejada ou enviada, com o que se soube dela e quando.",
            held["contact_history"],
            _creditor(names)
            | {
                "noite": lambda row: _day(row["business_date"]),
                "canal": lambda row: CHANNELS.get(row["channel"], row["channel"]),
                "etapa": lambda row: row["step"],
                "situação": lambda row: contact_state(row["channel"], row["to_state"]),
                "motivo": lambda row: row["reason"],
                "quando": lambda row: _time(row["at"]),
            },
        ),
        _section(
            "ligações e respostas registradas",
            "O que foi anotado de cada conversa.",
            held["outcomes"],
            _creditor(names)
            | {
                "data": lambda row: _day(row["contacted_on"]),
                "resultado": lambda row: answers.get(row["code"], row["code"]),
                "motivo do atraso": lambda row: DELAY_REASONS.get(
                    row["delay_reason"], row["delay_reason"]
                ),
                "retorno em": lambda row: _day(row["follow_up_on"]),
            },
        ),
        _section(
            "promessas de pagamento",
            "",
            held["promises"],
            _creditor(names)
            | {
                "feita em": lambda row: _day(row["made_on"]),
                "para": lambda row: _day(row["promised_on"]),
                "moeda": lambda row: row["currency"],
                "valor": lambda row: _money(row["amount"]),
            },
        ),
        _section(
            "acordos",
            "",
            held["agreements"],
            _creditor(names)
            | {
                "feito em": lambda row: _day(row["agreed_on"]),
                "moeda": lambda row: row["currency"],
                "valor": lambda row: _money(row["amount"]),
                "parcelas": lambda row: row["installments"],
            },
        ),
        _section(
            "preferências de contato",
            "O que foi dito sobre receber mensagens; vale o mais recente de cada canal.",
            held["consents"],
            _only_creditor(names)
            | {
                "canal": lambda row: CHANNELS.get(row["channel"], row["channel"]),
                "quer receber": lambda row: YES_NO[row["is_opted_in"]],
                "como": lambda row: ORIGINS.get(row["origin"], row["origin"]),
                "quando": lambda row: _time(row["given_at"]),
            },
        ),
        _section(
            "passos deixados de fora para medir o efeito da cobrança",
            "Por sorteio fixo: nesses passos não houve contato.",
            held["holdouts"],
            _creditor(names)
            | {"noite": lambda row: _day(row["business_date"]), "passo": lambda row: row["step"]},
        ),
        _section(
            "apagamentos",
            "Dados pessoais apagados a pedido; ficam os valores e a prova do que foi feito, sem "
            "nome (LGPD, art. 16, I).",
            held["erasures"],
            {
                "data": lambda row: _day(row["erased_on"]),
                "origem": lambda row: row["source"],
                "código": lambda row: row["customer_id"],
            },
        ),
    ]


def _ledger(settings: Settings, payer: Payer) -> dict[str, list[Row]]:
    """The payer's rows of each table of the ledger, the oldest first.

    Rows under a former key count too, if no other payer had that key.
    """
    from cobranca.ledger import open_ledger
    from cobranca.ledger.payer_accounts import exclusive_keys

    engine = open_ledger(settings.ledger)
    try:
        with engine.connect() as connection:
            queries = _rows_under({payer.key, *exclusive_keys(connection, payer.accounts)})
            return {
                name: [dict(row) for row in connection.execute(query).mappings()]
                for name, query in queries.items()
            }
    finally:
        engine.dispose()


def _rows_under(keys: set[str]) -> "dict[str, sa.Select[Any]]":
    import sqlalchemy as sa

    from cobranca.ledger import tables as t

    of_contacts = (
        sa.select(
            t.contacts.c.business_date,
            t.contacts.c.channel,
            t.contacts.c.creditor,
            t.contacts.c.step,
            *t.contact_history.c,
        )
        .join(t.contact_history, t.contact_history.c.message_key == t.contacts.c.message_key)
        .where(t.contacts.c.customer_key.in_(sorted(keys)))
        .order_by(t.contact_history.c.at, t.contact_history.c.id)
    )
    own = {
        t.outcomes: t.outcomes.c.contacted_on,
        t.promises: t.promises.c.made_on,
        t.agreements: t.agreements.c.agreed_on,
        t.consents: t.consents.c.given_at,
        t.holdouts: t.holdouts.c.business_date,
        t.erasures: t.erasures.c.erased_on,
    }
    return {"contact_history": of_contacts} | {
        table.name: sa.select(table)
        .where(table.c.customer_key.in_(sorted(keys)))
        .order_by(order, *(column for column in table.primary_key.columns))
        for table, order in own.items()
    }


def _section(title: str, note: str, rows: Iterable[Row], columns: Columns) -> DataSection:
    return DataSection(
        title,
        note,
        tuple(columns),
        tuple(tuple(value(row) for value in columns.values()) for row in rows),
    )


def _time(value: datetime) -> str:
    return f"{value.replace(tzinfo=UTC).astimezone(TIME_ZONE):%d/%m/%Y %H:%M}"


def _tax_id(value: str | None) -> str | None:
    """A CPF or CNPJ as people write it."""
    if value is None:
        return None
    if len(value) == 11:
        return f"{value[:3]}.{value[3:6]}.{value[6:9]}-{value[9:]}"
    return f"{value[:2]}.{value[2:5]}.{value[5:8]}/{value[8:12]}-{value[12:]}"


def _money(value: Decimal | None) -> str | None:
    return None if value is None else format_number(value)


def _day(value: date | None) -> str | None:
    return f"{value:%d/%m/%Y}" if value else None
