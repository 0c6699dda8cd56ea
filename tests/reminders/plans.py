"""Small approved plans for tests: one row for each receivable, published with a verdict."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from cobranca.partitions.manifest import FileEntry, Manifest, draft_folder, publish
from cobranca.partitions.verdict import Check, Verdict, write_verdict
from cobranca.payments import boleto, pix
from cobranca.schema import COUNT, DATE, FLAG, MONEY, PRINCIPAL, RATE, TEXT
from cobranca.settings import Settings
from cobranca.sources.current_state import ReceivableState

TONIGHT = date(2026, 11, 18)
PHONE = "+5511987654321"

SURVEYS = pa.schema(
    [
        ("business_date", DATE), ("survey_key", TEXT), ("customer_key", TEXT), ("creditor", TEXT),
         ("customer_name", TEXT), ("email", TEXT),
        ("state", TEXT), ("source", TEXT), ("receivable_id", TEXT), ("receivable_key", TEXT),
         ("settled_on", DATE),
    ]
)  # fmt: skip

SCHEMA = pa.schema(
    [
        ("business_date", DATE), ("message_key", TEXT), ("customer_key", TEXT), ("creditor", TEXT),
         ("customer_name", TEXT), ("email", TEXT),
        ("channel", TEXT), ("step", TEXT), ("step_offset", COUNT), ("template", TEXT),
         ("requires_approval", FLAG),
        ("policy_version", TEXT), ("episode_key", TEXT), ("is_carrier", FLAG), ("section", TEXT),
         ("source", TEXT),
        ("receivable_id", TEXT), ("receivable_key", TEXT), ("document_number", TEXT),
         ("installment", TEXT),
        ("currency", TEXT), ("issue_date", DATE), ("due_date", DATE), ("effective_due_date", DATE),
        ("days_past_due", COUNT), ("amount", MONEY), ("open_amount", MONEY), ("fine", MONEY),
         ("interest", MONEY),
        ("amount_due", MONEY), ("credit_applied", MONEY), ("fine_rate", RATE),
        ("monthly_interest_rate", RATE),
         ("interest_start", TEXT),
        ("boleto_line", TEXT), ("pix_code", TEXT), ("payment_url", TEXT), ("contract_type", TEXT),
         ("payer_class", TEXT),
        ("reason", TEXT), ("state", TEXT),
        ("phone", TEXT),
    ]
)  # fmt: skip
# Entering a plan reads the hold-outs among the decisions.
DECISIONS = pa.schema(
    [
        ("business_date", DATE), ("customer_key", TEXT), ("creditor", TEXT), ("episode_key", TEXT),
         ("receivable_key", TEXT), ("step", TEXT),
        ("step_offset", COUNT), ("days_past_due", COUNT), ("channel", TEXT),
         ("policy_version", TEXT), ("reason", TEXT),
    ]
)  # fmt: skip


def item(
    receivable_id: str, *, days: int = 1, amount: str = "1000.00", night: date = TONIGHT, **changes
) -> dict:
    """One receivable with all payment options, ``days`` past due on ``night``.

    Negative ``days`` are before the due date.
    """
    due, money = night - timedelta(days=days), Decimal(amount)
    late = max(days, 0)
    fine = (money * Decimal("0.02")).quantize(Decimal("0.01")) if late else Decimal(0)
    interest = (money * Decimal("0.01") / 30 * late).quantize(Decimal("0.01"))
    row = {
        "section": "overdue" if late else "upcoming",
        "source": "erp",
        "receivable_id": receivable_id,
        "document_number": f"NF-{receivable_id}",
        "installment": "1/3",
        "currency": "BRL",
        "issue_date": due - timedelta(days=30),
        "due_date": due,
        "effective_due_date": due,
        "days_past_due": days,
        "amount": money,
        "open_amount": money,
        "fine": fine,
        "interest": interest,
        "amount_due": money + fine + interest,
        "credit_applied": Decimal(0),
        "fine_rate": Decimal("0.02"),
        "monthly_interest_rate": Decimal("0.01"),
        "interest_start": "effective_due",
        "boleto_line": boleto.build("237", due, money, "3381286000782713695000063").line,
        "pix_code": pix.build(
            pix.PixCode(
                name="Ipê Amarelo",
                city="São Paulo",
                key="pix@example.com.br",
                amount=money,
                txid="R1",
            )
        ),
        "payment_url": f"https://pagar.example.com.br/{receivable_id}",
        "contract_type": "consumer",
        **changes,
    }
    row["receivable_key"] = f"{row['source']}:{row['receivable_id']}"
    return row


def message(
    number: int, items: list[dict] | None = None, *, night: date = TONIGHT, **changes
) -> list[dict]:
    """The rows of one message; the first item carries the episode."""
    items = items or [item(f"R{number:05d}", night=night)]
    head = {
        "business_date": night,
        "customer_key": f"C{number:020x}",
        "creditor": PRINCIPAL,
        "customer_name": f"Maria das Dores {number}",
        "email": f"maria.{number:05d}@example.com",
        "channel": "email",
        "step": "d+1",
        "step_offset": 1,
        "template": "first_notice",
        "requires_approval": False,
        "policy_version": "2026-01",
        "episode_key": items[0]["receivable_key"],
        "payer_class": "novo",
        "reason": "primeiro aviso",
        "state": "SP",
        "phone": PHONE,
        **changes,
    }
    head.setdefault(
        "message_key",
        sha256(f"{night}|{head['customer_key']}|{head['channel']}".encode()).hexdigest()[:32],
    )
    return [
        {**row, **head, "is_carrier": row["receivable_key"] == head["episode_key"]} for row in items
    ]


def settled_debt(number: int, night: date = TONIGHT, **changes) -> dict:
    """The row of a settled debt, for which a thank-you or a survey is due."""
    return {
        "business_date": night,
        "survey_key": f"S{number:024x}",
        "customer_key": f"C{number:020x}",
        "creditor": PRINCIPAL,
        "customer_name": f"Rita Paga {number}",
        "email": f"rita.{number}@example.com",
        "state": "SP",
        "source": "erp",
        "receivable_id": f"P{number}",
        "receivable_key": f"erp:P{number}",
        "settled_on": TONIGHT - timedelta(days=1),
        **changes,
    }


# Files that only some plans have. Of those without a schema only a few columns are read.
SOME_FILES = {
    "surveys": ("out_surveys.parquet", SURVEYS),
    "calls": ("out_call_queue.parquet", None),
    "aliases": ("dim_payer_aliases.parquet", None),
}


def publish_plan(
    settings: Settings,
    messages: list[list[dict]],
    *,
    night: date = TONIGHT,
    decisions: Sequence[dict] = (),
    **some_files: Sequence[dict],
) -> Manifest:
    """Publish the messages as the approved batch of ``night``, with the gate's verdict on it.

    ``some_files`` are rows of :data:`SOME_FILES`.
    """
    root = settings.folder("outbound", night)
    draft = draft_folder(root, "plan")
    files = []

    def write(name: str, rows: Sequence[dict], schema: pa.Schema | None) -> None:
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), draft / name)
        files.append(FileEntry.of(draft, name, len(rows)))

    write("fct_decisions.parquet", decisions, DECISIONS)
    write("out_reminders.parquet", [row for rows in messages for row in rows], SCHEMA)
    for kind, rows in some_files.items():
        name, schema = SOME_FILES[kind]
        if rows:
            write(name, rows, schema)
    batch = publish(root, draft, kind="outbound", business_date=night, files=files)
    judge(settings, batch)
    return batch


def judge(
    settings: Settings, batch: Manifest, *, batch_id: str | None = None, failed: str | None = None
) -> None:
    """Write the plan's verdict; ``failed`` names a critical check that did not pass."""
    checks = [
        Check(failed or "plan_is_not_empty", "out_reminders", "critical", failed is None, "1", "1")
    ]
    write_verdict(
        settings, Verdict.of(batch.business_date, batch_id or batch.batch_id, "plan", checks, {})
    )


def noon(day: date) -> Callable[[], datetime]:
    """A clock that always shows noon of a day in São Paulo."""
    return lambda: datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo("America/Sao_Paulo"))


def clock_at(hour: int, minute: int = 30) -> Callable[[], datetime]:
    """A clock that stands at a time of :data:`TONIGHT` in São Paulo."""
    return lambda: noon(TONIGHT)().replace(hour=hour, minute=minute)


def as_planned(
    settings: Settings,
    source: str,
    receivable_ids: list[str],
    kept: object = None,
    day: date = date.max,
) -> dict[str, ReceivableState]:
    """Replace ``read_current_state`` of a source where nothing changed and no one paid."""
    return dict.fromkeys(receivable_ids, ReceivableState(gone=False, status="open"))
