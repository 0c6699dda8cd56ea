"""The company kept in the tables of Odoo."""

from datetime import date
from decimal import Decimal

from cobranca.demo.tax_ids import dotted
from presets.books import NOW, Books, company_money
from presets.company import Company, D, Invoice, money

ODOO = """
    create table res_country_state (id int primary key, code varchar, name varchar);
    create table res_currency (id int primary key, name varchar);
    create table res_partner (id int primary key, name varchar, vat varchar, email varchar,
        phone varchar, mobile varchar,
        city varchar, state_id int, is_company boolean, commercial_partner_id int, parent_id int,
        active boolean,
        write_date timestamp);
    create table account_account (id int primary key, name jsonb, account_type varchar);
    create table account_move (id int primary key, name varchar, move_type varchar, state varchar,
        partner_id int,
        commercial_partner_id int, invoice_date date, date date, invoice_date_due date,
        currency_id int,
        payment_state varchar, write_date timestamp);
    create table account_move_line (id int primary key, move_id int, account_id int, partner_id int,
        date date,
        date_maturity date, currency_id int, debit numeric, credit numeric, balance numeric,
        amount_currency numeric,
        amount_residual numeric, amount_residual_currency numeric, write_date timestamp);
    create table account_partial_reconcile (id int primary key, debit_move_id int,
        credit_move_id int, amount numeric,
        debit_amount_currency numeric, credit_amount_currency numeric, max_date date,
        exchange_move_id int,
        write_date timestamp);
"""


def keep_odoo(company: Company, url: str) -> dict[str, int]:
    books = Books(ODOO)
    states = {
        state: at for at, state in enumerate(sorted({payer.state for payer in company.payers}), 1)
    }
    for state, at in states.items():
        books.add("res_country_state", id=at, code=state, name=state)
    currencies = {"BRL": 6, "USD": 2}
    for name, at in currencies.items():
        books.add("res_currency", id=at, name=name)
    books.add(
        "account_account", id=1, name='{"en_US": "Receivable"}', account_type="asset_receivable"
    )
    books.add("account_account", id=2, name='{"en_US": "Sales"}', account_type="income")
    books.add("account_account", id=3, name='{"en_US": "Bank"}', account_type="asset_cash")
    for payer in company.payers:
        partner = {
            "city": payer.city,
            "state_id": states[payer.state],
            "active": True,
            "write_date": NOW,
        }
        books.add(
            "res_partner", id=payer.number, name=payer.name,
            vat=payer.tax_id and dotted(payer.tax_id),
            email=payer.email, phone="0800 123 4567", mobile=payer.phone,
            is_company=payer.is_company,
            commercial_partner_id=payer.number, parent_id=None, **partner,
        )  # fmt: skip
        # A person of the payer's purchasing department, who receives the invoices.
        books.add(
            "res_partner", id=1000 + payer.number, name="Compras", vat=None,
            email="compras@exemplo.com.br", is_company=False,
            commercial_partner_id=payer.number, parent_id=payer.number, **partner,
        )  # fmt: skip
    moves, lines, partials = iter(range(1, 10**6)), iter(range(1, 10**6)), iter(range(1, 10**6))

    def line(  # noqa: PLR0913 - the columns of one table
        move: int,
        invoice: Invoice,
        cents: int,
        day: date,
        *,
        account: int = 1,
        due: date | None = None,
        left: int = 0,
    ) -> int:
        key, own, foreign = next(lines), company_money(invoice, abs(cents)), money(abs(cents))
        sign = 1 if cents > 0 else -1
        books.add(
            "account_move_line", id=key, move_id=move, account_id=account,
            partner_id=1000 + invoice.payer.number, date=day,
            date_maturity=due, currency_id=currencies[invoice.currency], debit=max(sign * own, 0),
            credit=max(-sign * own, 0),
            balance=sign * own, amount_currency=sign * foreign,
            amount_residual=sign * company_money(invoice, left),
            amount_residual_currency=sign * money(left), write_date=NOW,
        )  # fmt: skip
        return key

    def move(invoice: Invoice, kind: str, state: str, day: date, **columns) -> int:
        key = next(moves)
        books.add(
            "account_move", id=key, name=f"{kind}/{key}", move_type=kind, state=state,
            partner_id=1000 + invoice.payer.number,
            commercial_partner_id=invoice.payer.number,
            invoice_date=day if kind.startswith("out_") else None, date=day,
            currency_id=currencies[invoice.currency], write_date=NOW, **columns,
        )  # fmt: skip
        return key

    for invoice in company.invoices:
        whole = range(1, len(invoice.instalments) + 1)
        paid = all(invoice.open(number) <= 0 for number in whole)
        some = any(invoice.settled(number) for number in whole)
        state = "partial" if some else "not_paid"
        if paid and not invoice.cancelled:
            state = "paid"
        key = move(
            invoice, "out_invoice", "cancel" if invoice.cancelled else "posted", invoice.issued,
            payment_state=state,
            invoice_date_due=invoice.instalments[-1][0],
        )  # fmt: skip
        line(key, invoice, -invoice.total, invoice.issued, account=2)
        debits = {
            number: line(
                key, invoice, cents, invoice.issued, due=due, left=max(invoice.open(number), 0)
            )
            for number, (due, cents) in enumerate(invoice.instalments, 1)
        }
        for event in invoice.events:
            kind = "out_refund" if event.kind == "credit_note" else "entry"
            other = move(
                invoice,
                kind,
                "posted",
                event.on,
                payment_state="not_paid",
                invoice_date_due=event.on,
            )
            # A payment that bounced has lost its matchings; a surplus waits unmatched.
            credit = line(
                other, invoice, -event.amount - event.surplus, event.on, left=event.surplus
            )
            line(other, invoice, event.amount + event.surplus, event.on, account=3)
            if event.kind == "undone":
                continue
            for number, cents in event.parts.items():
                books.add(
                    "account_partial_reconcile", id=next(partials), debit_move_id=debits[number],
                    credit_move_id=credit,
                    amount=company_money(invoice, cents), debit_amount_currency=money(cents),
                    credit_amount_currency=money(cents), max_date=max(invoice.issued, event.on),
                    write_date=NOW,
                )  # fmt: skip
            if invoice.currency == "USD":
                # The rate has moved since: matched in reais alone, worth nothing in dollars.
                exchange = move(invoice, "entry", "posted", event.on)
                books.add(
                    "account_partial_reconcile", id=next(partials),
                    debit_move_id=debits[min(event.parts)],
                    credit_move_id=line(exchange, invoice, -1, event.on), amount=Decimal("0.37"),
                    debit_amount_currency=Decimal(0), credit_amount_currency=Decimal(0),
                    max_date=event.on, write_date=NOW,
                )  # fmt: skip
    draft = move(
        company.invoices[0], "out_invoice", "draft", D, invoice_date_due=D, payment_state="not_paid"
    )
    line(draft, company.invoices[0], 77_00, D, due=D, left=77_00)
    bill = move(
        company.invoices[0], "in_invoice", "posted", D, invoice_date_due=D, payment_state="not_paid"
    )
    line(bill, company.invoices[0], -88_00, D, due=D, left=88_00)
    books.write(url)
    return {str(payer.number): payer.number for payer in company.payers}


# ERPNext
