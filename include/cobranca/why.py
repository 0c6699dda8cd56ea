"""What was decided about one payer on one night, told in plain Portuguese from the approved batch."""

from datetime import date
from decimal import Decimal

from cobranca.errors import ConfigError
from cobranca.money import format_money
from cobranca.outbound import read_batch
from cobranca.settings import Settings
from cobranca.words import CHANNELS, CLASSES, DECISIONS, contact_state, in_sentence, reason


def explain(settings: Settings, business_date: date, customer: str) -> str:
    """Every decision about a payer, with its reason, its inputs and the version of the régua.

    Args:
        customer: a customer key, or the key of one of the payer's open receivables (``erp:1234``).

    Raises:
        ConfigError: nobody of that key has an open receivable that night.
        PartitionError: no plan was approved for that date.
    """
    import duckdb

    batch = read_batch(settings, business_date)
    with duckdb.connect() as connection:
        decisions = connection.execute(
            "select * from read_parquet(?) where customer_key ="
            " (select any_value(customer_key) from read_parquet(?) where customer_key = ? or receivable_key = ?)"
            " order by days_past_due desc, receivable_key",
            [str(batch.path("fct_decisions.parquet"))] * 2 + [customer, customer],
        )
        names = [column[0] for column in decisions.description]
        rows = [dict(zip(names, row, strict=True)) for row in decisions.fetchall()]
        if not rows:
            raise ConfigError(
                f"'{customer}' has no open receivable on {business_date}; give a customer key (C…) or a receivable as source:id."
            )
        key = rows[0]["customer_key"]
        ranking = connection.execute(
            "select score, on_time_rate, weighted_days_late, max_days_late, settled_receivables"
            " from read_parquet(?) where customer_key = ?",
            [str(batch.path("dim_payer_ranking.parquet")), key],
        ).fetchone()
        contacts = connection.execute(
            "select contacted_on, channel, step, state from read_parquet(?) where customer_key = ?"
            " order by contacted_on desc, contact_key limit 5",
            [str(batch.path("fct_contacts.parquet")), key],
        ).fetchall()
    return "\n".join(_told(business_date, rows, ranking, contacts))


def _told(business_date: date, rows: list[dict], ranking: tuple | None, contacts: list[tuple]) -> list[str]:
    first = rows[0]
    lines = [f"Cliente {first['customer_key']} em {business_date:%d/%m/%Y} (régua {first['policy_version']})"]
    if ranking:
        score, on_time, delay, longest, settled = ranking
        history = f"{settled} títulos pagos"
        if settled:
            history += f", {_percent(on_time)} em dia, atraso médio ponderado de {_number(delay)} dias"
            history += f", maior atraso de {longest} dias"
        lines.append(f"Classe: {CLASSES[first['payer_class']].lower()}, nota {score} de 100; {history}.")
    lines.append(
        "Últimos contatos: "
        + (
            "; ".join(
                f"{day:%d/%m} {CHANNELS[channel].lower()} {step} ({contact_state(channel, state)})"
                for day, channel, step, state in contacts
            )
            or "nenhum"
        )
        + "."
    )
    for row in rows:
        days = row["days_past_due"]
        age = f"vencido há {days} dias" if days > 0 else "vence hoje" if days == 0 else f"vence em {-days} dias"
        decision = DECISIONS[row["decision"]].lower() + (f" {row['step']}" if row["decision"] in ("remind", "call") else "")
        skipped = f" (passos anteriores dispensados: {row['superseded_steps']})" if row["superseded_steps"] else ""
        owed = f"{format_money(row['open_amount'], row['currency'])} em aberto"
        with_charges = f"{format_money(row['amount_due'], row['currency'])} com encargos"
        because = in_sentence(reason(row["reason"]))
        lines.append(f"- {row['receivable_key']}: {owed}, {with_charges}, {age} → {decision}: {because}{skipped}")
    return lines


def _percent(share: Decimal) -> str:
    return f"{share * 100:.0f}%"


def _number(value: Decimal) -> str:
    return f"{value:.1f}".replace(".", ",")
