"""The same company kept in the tables of five ERPs, each in that ERP's own way.

Only the tables and columns that exist there, and only those a preset could need, are made; each function returns the
payer's number by the customer id of that ERP.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import ClassVar

import sqlalchemy as sa

from cobranca.demo.documents import dotted
from presets.company import Company, D, Event, Invoice, Payer, money

RATE = Decimal("5.25")  # one dollar in reais, for the amounts in the company's own currency
NOW = datetime(2026, 11, 17, 22, 10)
# How these systems call the date of a row's last change.
CHANGED = ("write_date", "modified", "tms")


def company_money(invoice: Invoice, cents: int) -> Decimal:
    """An amount of the invoice's currency in reais."""
    return money(cents) if invoice.currency == "BRL" else (money(cents) * RATE).quantize(Decimal("0.01"))


class Books:
    """Rows by table, written at the end in one transaction.

    Written for the first time, rows were last changed on many days long past. Written again, what differs was changed now,
    what is not there any more is deleted, and all the rest keeps its date of change.
    """

    _kept: ClassVar[dict[str, dict[str, list[dict]]]] = {}

    def __init__(self, ddl: str):
        self._ddl, self._rows = ddl, {}

    def add(self, table: str, **row) -> None:
        self._rows.setdefault(table, []).append(row)

    def write(self, url: str) -> None:
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
        quote = engine.dialect.identifier_preparer.quote
        before, self._kept[url] = self._kept.get(url), self._rows
        with engine.begin() as connection:
            for statement in filter(str.strip, self._ddl.split(";") if before is None else ()):
                connection.exec_driver_sql(statement)
            for table, rows in self._rows.items():
                _date_changes(rows, None if before is None else before.get(table, []))
                connection.exec_driver_sql(f"delete from {quote(table)}")
                columns = list({name: None for row in rows for name in row})
                names, values = ", ".join(map(quote, columns)), ", ".join(f":p{at}" for at in range(len(columns)))
                connection.execute(
                    sa.text(f"insert into {quote(table)} ({names}) values ({values})"),
                    [{f"p{at}": _plain(row.get(name), engine) for at, name in enumerate(columns)} for row in rows],
                )


def _date_changes(rows: list[dict], before: list[dict] | None) -> None:
    known = {_unchanging(row): row for row in before or ()}
    for at, row in enumerate(rows):
        for name in CHANGED:
            if name in row and before is None:
                row[name] = datetime(2026, 1, 1) + timedelta(days=at % 300)
            elif name in row:
                row[name] = known.get(_unchanging(row), {name: NOW})[name]


def _unchanging(row: dict) -> tuple:
    return tuple((name, value) for name, value in row.items() if name not in CHANGED)


def _plain(value, engine: sa.Engine):
    """SQLite has neither decimals nor dates: numbers are floats there, as in SQL Server's FLOAT columns."""
    if engine.dialect.name != "sqlite":
        return value
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat() if isinstance(value, date) else value


def settlements(invoice: Invoice) -> Iterator[tuple[Event, int, int]]:
    """Event, instalment number and cents of everything that still stands."""
    for event in invoice.events:
        if event.kind != "undone":
            for number, cents in event.parts.items():
                yield event, number, cents


# Odoo -----------------------------------------------------------------------------------------------------------------

ODOO = """
    create table res_country_state (id int primary key, code varchar, name varchar);
    create table res_currency (id int primary key, name varchar);
    create table res_partner (id int primary key, name varchar, vat varchar, email varchar, phone varchar, mobile varchar,
        city varchar, state_id int, is_company boolean, commercial_partner_id int, parent_id int, active boolean,
        write_date timestamp);
    create table account_account (id int primary key, name jsonb, account_type varchar);
    create table account_move (id int primary key, name varchar, move_type varchar, state varchar, partner_id int,
        commercial_partner_id int, invoice_date date, date date, invoice_date_due date, currency_id int,
        payment_state varchar, write_date timestamp);
    create table account_move_line (id int primary key, move_id int, account_id int, partner_id int, date date,
        date_maturity date, currency_id int, debit numeric, credit numeric, balance numeric, amount_currency numeric,
        amount_residual numeric, amount_residual_currency numeric, write_date timestamp);
    create table account_partial_reconcile (id int primary key, debit_move_id int, credit_move_id int, amount numeric,
        debit_amount_currency numeric, credit_amount_currency numeric, max_date date, exchange_move_id int,
        write_date timestamp);
"""


def keep_odoo(company: Company, url: str) -> dict[str, int]:
    books = Books(ODOO)
    states = {state: at for at, state in enumerate(sorted({payer.state for payer in company.payers}), 1)}
    for state, at in states.items():
        books.add("res_country_state", id=at, code=state, name=state)
    currencies = {"BRL": 6, "USD": 2}
    for name, at in currencies.items():
        books.add("res_currency", id=at, name=name)
    books.add("account_account", id=1, name='{"en_US": "Receivable"}', account_type="asset_receivable")
    books.add("account_account", id=2, name='{"en_US": "Sales"}', account_type="income")
    books.add("account_account", id=3, name='{"en_US": "Bank"}', account_type="asset_cash")
    for payer in company.payers:
        partner = dict(city=payer.city, state_id=states[payer.state], active=True, write_date=NOW)
        books.add(
            "res_partner", id=payer.number, name=payer.name, vat=payer.tax_id and dotted(payer.tax_id),
            email=payer.email, phone="0800 123 4567", mobile=payer.phone, is_company=payer.is_company,
            commercial_partner_id=payer.number, parent_id=None, **partner,
        )  # fmt: skip
        # Somebody of the payer's purchasing department, to whom invoices are addressed.
        books.add(
            "res_partner", id=1000 + payer.number, name="Compras", vat=None, email="compras@exemplo.com.br", is_company=False,
            commercial_partner_id=payer.number, parent_id=payer.number, **partner,
        )  # fmt: skip
    moves, lines, partials = iter(range(1, 10**6)), iter(range(1, 10**6)), iter(range(1, 10**6))

    def line(
        move: int, invoice: Invoice, cents: int, day: date, *, account: int = 1, due: date | None = None, left: int = 0
    ) -> int:
        key, own, foreign = next(lines), company_money(invoice, abs(cents)), money(abs(cents))
        sign = 1 if cents > 0 else -1
        books.add(
            "account_move_line", id=key, move_id=move, account_id=account, partner_id=1000 + invoice.payer.number, date=day,
            date_maturity=due, currency_id=currencies[invoice.currency], debit=max(sign * own, 0), credit=max(-sign * own, 0),
            balance=sign * own, amount_currency=sign * foreign, amount_residual=sign * company_money(invoice, left),
            amount_residual_currency=sign * money(left), write_date=NOW,
        )  # fmt: skip
        return key

    def move(invoice: Invoice, kind: str, state: str, day: date, **columns) -> int:
        key = next(moves)
        books.add(
            "account_move", id=key, name=f"{kind}/{key}", move_type=kind, state=state, partner_id=1000 + invoice.payer.number,
            commercial_partner_id=invoice.payer.number, invoice_date=day if kind.startswith("out_") else None, date=day,
            currency_id=currencies[invoice.currency], write_date=NOW, **columns,
        )  # fmt: skip
        return key

    for invoice in company.invoices:
        whole = range(1, len(invoice.instalments) + 1)
        paid = all(invoice.open(number) <= 0 for number in whole)
        some = any(invoice.settled(number) for number in whole)
        key = move(
            invoice, "out_invoice", "cancel" if invoice.cancelled else "posted", invoice.issued,
            payment_state="paid" if paid and not invoice.cancelled else "partial" if some else "not_paid",
            invoice_date_due=invoice.instalments[-1][0],
        )  # fmt: skip
        line(key, invoice, -invoice.total, invoice.issued, account=2)
        debits = {
            number: line(key, invoice, cents, invoice.issued, due=due, left=max(invoice.open(number), 0))
            for number, (due, cents) in enumerate(invoice.instalments, 1)
        }
        for event in invoice.events:
            kind = "out_refund" if event.kind == "credit_note" else "entry"
            other = move(invoice, kind, "posted", event.on, payment_state="not_paid", invoice_date_due=event.on)
            # A payment that bounced has lost its matchings; a surplus waits unmatched.
            credit = line(other, invoice, -event.amount - event.surplus, event.on, left=event.surplus)
            line(other, invoice, event.amount + event.surplus, event.on, account=3)
            if event.kind == "undone":
                continue
            for number, cents in event.parts.items():
                books.add(
                    "account_partial_reconcile", id=next(partials), debit_move_id=debits[number], credit_move_id=credit,
                    amount=company_money(invoice, cents), debit_amount_currency=money(cents),
                    credit_amount_currency=money(cents), max_date=max(invoice.issued, event.on), write_date=NOW,
                )  # fmt: skip
            if invoice.currency == "USD":
                # The rate has moved since: matched in reais alone, worth nothing in dollars.
                exchange = move(invoice, "entry", "posted", event.on)
                books.add(
                    "account_partial_reconcile", id=next(partials), debit_move_id=debits[min(event.parts)],
                    credit_move_id=line(exchange, invoice, -1, event.on), amount=Decimal("0.37"),
                    debit_amount_currency=Decimal(0), credit_amount_currency=Decimal(0), max_date=event.on, write_date=NOW,
                )  # fmt: skip
    draft = move(company.invoices[0], "out_invoice", "draft", D, invoice_date_due=D, payment_state="not_paid")
    line(draft, company.invoices[0], 77_00, D, due=D, left=77_00)
    bill = move(company.invoices[0], "in_invoice", "posted", D, invoice_date_due=D, payment_state="not_paid")
    line(bill, company.invoices[0], -88_00, D, due=D, left=88_00)
    books.write(url)
    return {str(payer.number): payer.number for payer in company.payers}


# ERPNext --------------------------------------------------------------------------------------------------------------

ERPNEXT = """
    create table `tabCustomer` (name varchar(140) primary key, customer_name varchar(140), tax_id varchar(140),
        email_id varchar(140), mobile_no varchar(140), customer_type varchar(140), customer_primary_address varchar(140),
        modified datetime(6));
    create table `tabAddress` (name varchar(140) primary key, city varchar(140), state varchar(140));
    create table `tabContact` (name varchar(140) primary key, email_id varchar(140), mobile_no varchar(140), phone varchar(140),
        is_primary_contact int);
    create table `tabDynamic Link` (name varchar(140) primary key, parent varchar(140), parenttype varchar(140),
        link_doctype varchar(140), link_name varchar(140));
    create table `tabSales Invoice` (name varchar(140) primary key, customer varchar(140), posting_date date, due_date date,
        grand_total decimal(21,9), rounded_total decimal(21,9), base_grand_total decimal(21,9), base_rounded_total decimal(21,9),
        total_advance decimal(21,9), outstanding_amount decimal(21,9), currency varchar(140), party_account_currency varchar(140),
        docstatus int, is_return int, return_against varchar(140), update_outstanding_for_self int, modified datetime(6));
    create table `tabPayment Schedule` (name varchar(140) primary key, parent varchar(140), parenttype varchar(140), idx int,
        payment_term varchar(140), due_date date, payment_amount decimal(21,9), base_payment_amount decimal(21,9));
    create table `tabPayment Entry` (name varchar(140) primary key, posting_date date, docstatus int, payment_type varchar(140),
        party_type varchar(140), party varchar(140), mode_of_payment varchar(140), modified datetime(6));
    create table `tabPayment Entry Reference` (name varchar(140) primary key, parent varchar(140), reference_doctype varchar(140),
        reference_name varchar(140), payment_term varchar(140), allocated_amount decimal(21,9));
    create table `tabJournal Entry` (name varchar(140) primary key, posting_date date, docstatus int, voucher_type varchar(140),
        modified datetime(6));
    create table `tabJournal Entry Account` (name varchar(140) primary key, parent varchar(140), party_type varchar(140),
        party varchar(140), reference_type varchar(140), reference_name varchar(140), debit_in_account_currency decimal(21,9),
        credit_in_account_currency decimal(21,9))
"""


def keep_erpnext(company: Company, url: str) -> dict[str, int]:
    books = Books(ERPNEXT)

    def customer_of(payer: Payer) -> str:
        return f"CUST-{payer.number:05d}"

    for payer in company.payers:
        name = customer_of(payer)
        books.add(
            "tabCustomer", name=name, customer_name=f"  {payer.name.upper()}  ", tax_id=payer.tax_id, email_id=None, mobile_no="",
            customer_type="Company" if payer.is_company else "Individual", customer_primary_address=f"{name}-A", modified=NOW,
        )  # fmt: skip
        books.add("tabAddress", name=f"{name}-A", city=payer.city, state=payer.state)
        for at, (email, phone, first) in enumerate([("", "", 0), (payer.email, payer.phone, 1)]):
            books.add("tabContact", name=f"{name}-C{at}", email_id=email, mobile_no=phone, phone="", is_primary_contact=first)
            books.add(
                "tabDynamic Link", name=f"{name}-L{at}", parent=f"{name}-C{at}", parenttype="Contact", link_doctype="Customer",
                link_name=name,
            )  # fmt: skip

    def sales_invoice(invoice: Invoice, name: str, cents: int, left: int, docstatus: int, **columns) -> None:
        defaults = dict(posting_date=invoice.issued, is_return=0, update_outstanding_for_self=0, total_advance=Decimal(0))
        books.add(
            "tabSales Invoice", name=name, customer=customer_of(invoice.payer), due_date=invoice.instalments[-1][0],
            grand_total=money(cents), rounded_total=Decimal(0), base_grand_total=company_money(invoice, cents),
            base_rounded_total=Decimal(0), outstanding_amount=money(left), currency=invoice.currency,
            party_account_currency=invoice.currency, docstatus=docstatus, modified=NOW,
            **(defaults | columns),
        )  # fmt: skip

    def payment(event: Event, invoice: Invoice, name: str, docstatus: int, advance: bool = False) -> None:
        entry = f"PAY-{event.number:06d}{'A' if advance else ''}"
        books.add(
            "tabPayment Entry", name=entry, posting_date=event.on, docstatus=docstatus, payment_type="Receive",
            mode_of_payment="Pix", party_type="Customer", party=customer_of(invoice.payer), modified=NOW,
        )  # fmt: skip
        rows = event.parts.items() if invoice.termed else [(None, event.amount)]
        for number, cents in rows:
            books.add(
                "tabPayment Entry Reference", name=f"{event.number:06d}{number or ''}a", parent=entry,
                reference_doctype="Sales Invoice", reference_name=name,
                payment_term=f"{number}a parcela" if number else None, allocated_amount=money(cents),
            )  # fmt: skip

    def journal(event: Event, invoice: Invoice, name: str, voucher: str, *, debit: int = 0, credit: int = 0) -> None:
        entry = f"JV-{event.number:06d}"
        books.add("tabJournal Entry", name=entry, posting_date=event.on, docstatus=1, voucher_type=voucher, modified=NOW)
        books.add(
            "tabJournal Entry Account", name=f"{event.number:06d}b", parent=entry, party_type="Customer",
            party=customer_of(invoice.payer), reference_type="Sales Invoice", reference_name=name,
            debit_in_account_currency=money(debit), credit_in_account_currency=money(credit),
        )  # fmt: skip

    for invoice in company.invoices:
        name = f"SINV-{invoice.number:05d}"
        left = sum(max(invoice.open(number), 0) for number in range(1, len(invoice.instalments) + 1))
        # Some orders were paid in part before they were invoiced: ERPNext's schedule then holds the rest alone.
        advance = 5_00 if invoice.number % 7 == 0 and not invoice.cancelled and not invoice.termed else 0
        sales_invoice(
            invoice, name, invoice.total + advance, left, 2 if invoice.cancelled else 1, total_advance=money(advance)
        )  # fmt: skip
        if advance:
            before = Event(900_000 + invoice.number, "payment", invoice.issued - timedelta(days=3), {1: advance})
            payment(before, invoice, name, 1, advance=True)
        for number, (due, cents) in enumerate(invoice.instalments, 1):
            books.add(
                "tabPayment Schedule", name=f"{name}-{number}", parent=name, parenttype="Sales Invoice", idx=number,
                payment_term=f"{number}a parcela", due_date=due, payment_amount=money(cents),
                base_payment_amount=company_money(invoice, cents),
            )  # fmt: skip
        for event in invoice.events:
            if event.kind == "payment":
                payment(event, invoice, name, 1)
            elif event.kind == "undone" and (event.number % 2 or invoice.termed):
                payment(event, invoice, name, 2)
            elif event.kind == "undone":
                payment(event, invoice, name, 1)
                journal(event, invoice, name, "Bank Entry", debit=event.amount)
            elif event.kind == "credit_note" and event.number % 2:
                sales_invoice(
                    invoice, f"SRET-{event.number:06d}", -event.amount, 0, 1,
                    posting_date=event.on, is_return=1, return_against=name,
                )  # fmt: skip
            elif event.kind == "credit_note":
                # The note keeps its own balance; a journal entry matches the two.
                note = f"SRET-{event.number:06d}"
                sales_invoice(
                    invoice, note, -event.amount, 0, 1, posting_date=event.on, is_return=1, return_against=name,
                    update_outstanding_for_self=1,
                )  # fmt: skip
                journal(event, invoice, name, "Credit Note", credit=event.amount)
            elif event.kind == "discount" and invoice.termed:
                payment(event, invoice, name, 1)
            else:
                voucher = "Write Off Entry" if event.kind == "write_off" else "Journal Entry"
                journal(event, invoice, name, voucher, credit=event.amount)
    sales_invoice(company.invoices[0], "SINV-DRAFT", 77_00, 77_00, 0)
    books.write(url)
    return {customer_of(payer): payer.number for payer in company.payers}


# Dolibarr -------------------------------------------------------------------------------------------------------------

DOLIBARR = """
    create table llx_const (rowid int auto_increment primary key, name varchar(180), entity int, value text);
    create table llx_c_departements (rowid int primary key, code_departement varchar(6), nom varchar(50));
    create table llx_c_typent (id int primary key, code varchar(12));
    create table llx_c_paiement (id int primary key, code varchar(6));
    create table llx_societe (rowid int primary key, nom varchar(128), entity int, status tinyint, client tinyint,
        town varchar(50), fk_departement int, phone varchar(30), email varchar(128), idprof4 varchar(128), tva_intra varchar(20),
        fk_typent int,
        tms timestamp);
    create table llx_facture (rowid int primary key, ref varchar(30), entity int, type smallint, fk_soc int, datef date,
        date_lim_reglement date, total_ttc double(24,8), fk_statut smallint, paye smallint, close_code varchar(16),
        multicurrency_code varchar(3), multicurrency_total_ttc double(24,8), fk_facture_source int, tms timestamp);
    create table llx_paiement (rowid int primary key, ref varchar(30), datep datetime, amount double(24,8),
        multicurrency_amount double(24,8), fk_paiement int, statut smallint, tms timestamp);
    create table llx_paiement_facture (rowid int auto_increment primary key, fk_paiement int, fk_facture int, amount double(24,8),
        multicurrency_amount double(24,8));
    create table llx_societe_remise_except (rowid int auto_increment primary key, fk_soc int, datec datetime,
        amount_ttc double(24,8), multicurrency_amount_ttc double(24,8), fk_facture_line int, fk_facture int,
        fk_facture_source int, description text)
"""


def keep_dolibarr(company: Company, url: str) -> dict[str, int]:
    """Dolibarr knows no instalments: each is an invoice of its own."""
    books = Books(DOLIBARR)
    books.add("llx_const", name="MAIN_MONNAIE", entity=1, value="BRL")
    books.add("llx_c_typent", id=1, code="TE_PRIVATE")
    books.add("llx_c_typent", id=2, code="TE_SMALL")
    books.add("llx_c_paiement", id=2, code="VIR")
    states = {state: at for at, state in enumerate(sorted({payer.state for payer in company.payers}), 100)}
    for state, at in states.items():
        books.add("llx_c_departements", rowid=at, code_departement=state, nom=state)
    for payer in company.payers:
        number = payer.tax_id and dotted(payer.tax_id)
        tax_ids = {"idprof4": number} if payer.number % 2 else {"idprof4": "", "tva_intra": payer.tax_id}
        books.add(
            "llx_societe", rowid=payer.number, nom=payer.name, entity=1, status=1, client=1, town=payer.city,
            fk_departement=states[payer.state], phone=payer.phone, email=payer.email,
            fk_typent=2 if payer.is_company else 1, tms=NOW, **tax_ids,
        )  # fmt: skip
    books.add("llx_societe", rowid=999, nom="Só fornecedor", entity=1, status=1, client=0, tms=NOW)
    keys, payments, discounts = iter(range(1, 10**6)), iter(range(1, 10**6)), iter(range(1, 10**6))

    def facture(invoice: Invoice, cents: int, due: date, *, day: date, **columns) -> int:
        key = next(keys)
        foreign = {"multicurrency_code": invoice.currency, "multicurrency_total_ttc": money(cents)}
        if invoice.currency == "BRL" and key % 2:
            foreign = {"multicurrency_code": None, "multicurrency_total_ttc": Decimal(0)}
        books.add(
            "llx_facture", rowid=key, ref=f"FA2611-{key:04d}", entity=1, fk_soc=invoice.payer.number, datef=day,
            date_lim_reglement=due, total_ttc=company_money(invoice, cents), tms=NOW, **foreign,
            **({"type": 0, "fk_statut": 1, "paye": 0} | columns),
        )  # fmt: skip
        return key

    def pay(invoice: Invoice, key: int, event: Event, cents: int) -> None:
        payment = next(payments)
        amounts = {"amount": company_money(invoice, cents), "multicurrency_amount": money(cents)}
        books.add(
            "llx_paiement", rowid=payment, ref=f"PAY{payment}", datep=datetime(event.on.year, event.on.month, event.on.day, 12),
            fk_paiement=2, statut=1, tms=NOW, **amounts,
        )  # fmt: skip
        books.add("llx_paiement_facture", rowid=payment, fk_paiement=payment, fk_facture=key, **amounts)

    for invoice in company.invoices:
        for number, (due, cents) in enumerate(invoice.instalments, 1):
            given = {event.kind for event, at, _ in settlements(invoice) if at == number}
            status: dict = {"fk_statut": 1}
            if invoice.cancelled:
                status = {"fk_statut": 3, "close_code": "abandon"}
            elif "write_off" in given:
                status = {"fk_statut": 2 if given - {"write_off"} else 3, "close_code": "badcustomer"}
            elif "discount" in given and invoice.open(number) <= 0:
                status = {"fk_statut": 2, "paye": 1, "close_code": "discount_vat"}
            elif invoice.open(number) <= 0:
                status = {"fk_statut": 2, "paye": 1}
            key = facture(invoice, cents, due, day=invoice.issued, **status)
            for event in invoice.events:
                if number not in event.parts:
                    continue
                part = event.parts[number]
                if event.kind == "payment":
                    surplus = event.surplus if number == max(event.parts) else 0
                    pay(invoice, key, event, part + surplus)
                    if surplus:
                        books.add(
                            "llx_societe_remise_except", rowid=next(discounts), fk_soc=invoice.payer.number, datec=NOW,
                            amount_ttc=company_money(invoice, surplus), multicurrency_amount_ttc=money(surplus), fk_facture=None,
                            fk_facture_source=key, description="(EXCESS RECEIVED)",
                        )  # fmt: skip
                elif event.kind == "undone":
                    pay(invoice, key, event, part)
                    pay(invoice, key, event, -part)
                elif event.kind == "credit_note":
                    note = facture(invoice, -part, event.on, day=event.on, type=2, fk_statut=2, fk_facture_source=key)
                    books.add(
                        "llx_societe_remise_except", rowid=next(discounts), fk_soc=invoice.payer.number, fk_facture=key,
                        fk_facture_source=note,
                        datec=datetime(event.on.year, event.on.month, event.on.day, 9), amount_ttc=company_money(invoice, part),
                        multicurrency_amount_ttc=money(part), description="(CREDIT_NOTE)",
                    )  # fmt: skip
    facture(company.invoices[0], 77_00, D, day=D, fk_statut=0)
    facture(company.invoices[0], 88_00, D, day=D, type=4)
    books.write(url)
    return {str(payer.number): payer.number for payer in company.payers}


# TOTVS Protheus -------------------------------------------------------------------------------------------------------

PROTHEUS = """
    create table SA1010 (A1_FILIAL text, A1_COD text, A1_LOJA text, A1_NOME text, A1_PESSOA text, A1_CGC text, A1_EMAIL text,
        A1_DDD text, A1_TEL text, A1_MUN text, A1_EST text, D_E_L_E_T_ text, R_E_C_N_O_ int, R_E_C_D_E_L_ int);
    create table SE1010 (E1_FILIAL text, E1_PREFIXO text, E1_NUM text, E1_PARCELA text, E1_TIPO text, E1_CLIENTE text,
        E1_LOJA text, E1_EMISSAO text, E1_VENCTO text, E1_VENCREA text, E1_VALOR real, E1_SALDO real, E1_MOEDA real,
        D_E_L_E_T_ text, R_E_C_N_O_ int, R_E_C_D_E_L_ int);
    create table SE5010 (E5_FILIAL text, E5_DATA text, E5_DTDISPO text, E5_TIPO text, E5_VALOR real, E5_VLMOED2 real,
        E5_VLJUROS real, E5_VLMULTA real, E5_VLCORRE real, E5_VLDESCO real, E5_RECPAG text, E5_TIPODOC text, E5_MOTBX text,
        E5_SITUACA text, E5_DOCUMEN text, E5_PREFIXO text, E5_NUMERO text, E5_PARCELA text, E5_CLIFOR text, E5_LOJA text,
        E5_SEQ text, D_E_L_E_T_ text, R_E_C_N_O_ int, R_E_C_D_E_L_ int)
"""


def keep_protheus(company: Company, url: str) -> dict[str, int]:
    """Every text padded to the width of its column, dates as text, numbers as floats, deleted rows left in place."""
    books = Books(PROTHEUS)
    records = iter(range(1, 10**6))

    def add(table: str, *, deleted: bool = False, **row) -> None:
        books.add(table, D_E_L_E_T_="*" if deleted else " ", R_E_C_N_O_=next(records), R_E_C_D_E_L_=0, **row)

    def day(value: date) -> str:
        return f"{value:%Y%m%d}"

    for payer in company.payers:
        row = dict(
            A1_FILIAL="  ", A1_COD=f"{payer.number:06d}", A1_LOJA="01", A1_NOME=payer.name.upper().ljust(40),
            A1_PESSOA="J" if payer.is_company else "F", A1_CGC=(payer.tax_id or "").ljust(14), A1_EMAIL=payer.email.ljust(60),
            A1_DDD=payer.phone[1:3].ljust(3), A1_TEL=payer.phone[5:].ljust(15), A1_MUN=payer.city.ljust(60), A1_EST=payer.state,
        )  # fmt: skip
        add("SA1010", **row)
        if payer.number % 5 == 0:
            add("SA1010", deleted=True, **row | {"A1_CGC": "0" * 14})

    def title(
        invoice: Invoice, number: int, cents: int, due: date, left: int, *, kind: str = "NF", deleted: bool = False, **columns
    ) -> dict:
        row = dict(
            E1_FILIAL="01", E1_PREFIXO="1".ljust(3), E1_NUM=f"{invoice.number:09d}",
            E1_PARCELA=str(number).ljust(2) if len(invoice.instalments) > 1 else "  ", E1_TIPO=kind.ljust(3),
            E1_CLIENTE=f"{invoice.payer.number:06d}", E1_LOJA="01", E1_EMISSAO=day(invoice.issued), E1_VENCTO=day(due),
            E1_VENCREA=day(due), E1_VALOR=money(cents), E1_SALDO=money(left), E1_MOEDA=1 if invoice.currency == "BRL" else 2,
        ) | columns  # fmt: skip
        add("SE1010", deleted=deleted, **row)
        return row

    def movement(invoice: Invoice, row: dict, on: date, sequence: int, cents: int, *, deleted: bool = False, **columns) -> None:
        values = dict(
            E5_FILIAL=row["E1_FILIAL"], E5_DATA=day(on), E5_DTDISPO=day(on + timedelta(days=1)), E5_TIPO=row["E1_TIPO"],
            E5_VALOR=company_money(invoice, cents), E5_VLMOED2=money(cents), E5_VLJUROS=0.0, E5_VLMULTA=0.0, E5_VLCORRE=0.0,
            E5_VLDESCO=0.0, E5_RECPAG="R", E5_TIPODOC="VL", E5_MOTBX="NOR", E5_SITUACA=" ", E5_DOCUMEN=" " * 50,
            E5_PREFIXO=row["E1_PREFIXO"], E5_NUMERO=row["E1_NUM"], E5_PARCELA=row["E1_PARCELA"], E5_CLIFOR=row["E1_CLIENTE"],
            E5_LOJA=row["E1_LOJA"], E5_SEQ=f"{sequence:02d}",
        ) | columns  # fmt: skip
        add("SE5010", deleted=deleted, **values)

    for invoice in company.invoices:
        for number, (due, cents) in enumerate(invoice.instalments, 1):
            # Some payers withhold a tax: the title is larger by an abatement of the same key.
            withheld = 15_00 if invoice.number % 8 == 0 and invoice.currency == "BRL" and not invoice.cancelled else 0
            open_cents = max(invoice.open(number), 0)
            left = open_cents + withheld if open_cents else 0
            row = title(invoice, number, cents + withheld, due, cents if invoice.cancelled else left, deleted=invoice.cancelled)
            if withheld:
                title(invoice, number, withheld, due, withheld if open_cents else 0, kind="IR-")
            if invoice.number % 6 == 0:
                title(invoice, number, cents + 1, due, cents + 1, deleted=True)
            for sequence, event in enumerate(invoice.events, 1):
                part = event.parts.get(number)
                if not part:
                    continue
                if event.kind == "payment":
                    surplus = event.surplus if number == max(event.parts) else 0
                    columns = {}
                    if surplus and invoice.currency == "BRL":
                        # What came on top of the title was interest and fine; each also has a row of its own kind.
                        columns = {"E5_VALOR": money(part + surplus), "E5_VLJUROS": money(surplus - 1), "E5_VLMULTA": money(1)}
                        movement(invoice, row, event.on, sequence, surplus - 1, E5_TIPODOC="JR")
                    movement(invoice, row, event.on, sequence, part, **columns)
                    if invoice.number % 6 == 0:
                        movement(invoice, row, event.on, sequence, part, deleted=True)
                elif event.kind == "discount" and invoice.currency == "BRL":
                    movement(
                        invoice, row, event.on, sequence, part, E5_VALOR=0.0, E5_VLDESCO=money(part), E5_TIPODOC="BA"
                    )  # fmt: skip
                    movement(invoice, row, event.on, sequence, part, E5_TIPODOC="DC")
                elif event.kind == "undone" and event.number % 2:
                    movement(invoice, row, event.on, sequence, part)
                    movement(invoice, row, event.on, sequence, part, E5_TIPODOC="ES", E5_RECPAG="P")
                elif event.kind == "undone":
                    movement(invoice, row, event.on, sequence, part, E5_SITUACA="C")
                elif event.kind == "credit_note":
                    note = title(
                        invoice, number, part, event.on, 0, kind="NCC", E1_NUM=f"{event.number:09d}", E1_EMISSAO=day(event.on)
                    )  # fmt: skip
                    of_note = (
                        note["E1_PREFIXO"] + note["E1_NUM"] + note["E1_PARCELA"] + note["E1_TIPO"] + note["E1_LOJA"]
                    ).ljust(50)
                    # A compensation moves no bank account: its value stands in the currency of the title.
                    compensated = {"E5_MOTBX": "CMP", "E5_VALOR": money(part), "E5_VLMOED2": company_money(invoice, part)}
                    movement(invoice, row, event.on, sequence, part, E5_TIPODOC="CP", E5_DOCUMEN=of_note, **compensated)
                    movement(invoice, note, event.on, sequence, part, E5_TIPODOC="BA", **compensated)
                else:
                    movement(
                        invoice, row, event.on, sequence, part, E5_TIPODOC="BA", E5_MOTBX="LIQ", E5_VALOR=money(part)
                    )  # fmt: skip
    first = company.invoices[0]
    title(first, 1, 500_00, D, 500_00, kind="RA", E1_NUM="000090001")
    title(first, 1, 77_00, D, 77_00, kind="PR", E1_NUM="000090002")
    title(first, 1, 66_00, D, 66_00, kind="NCC", E1_NUM="000090003")
    books.write(url)
    return {f"{payer.number:06d}-01": payer.number for payer in company.payers}


# SAP Business One -----------------------------------------------------------------------------------------------------

SAP = """
    create table OADM ("Code" int, "MainCurncy" text);
    create table OCRN ("CurrCode" text, "ISOCurrCod" text);
    create table OCRD ("CardCode" text, "CardName" text, "CardType" text, "LicTradNum" text, "E_Mail" text, "Phone1" text,
        "Cellular" text, "City" text, "State1" text, "CmpPrivate" text, "UpdateDate" text);
    create table CRD7 ("CardCode" text, "Address" text, "AddrType" text, "TaxId0" text, "TaxId4" text);
    create table OINV ("DocEntry" int, "DocNum" int, "Serial" int, "CardCode" text, "DocDate" text, "DocCur" text,
        "CANCELED" text, "TransId" int, "UpdateDate" text);
    create table INV6 ("DocEntry" int, "InstlmntID" int, "DueDate" text, "InsTotal" real, "InsTotalFC" real, "PaidToDate" real,
        "PaidFC" real);
    create table JDT1 ("TransId" int, "Line_ID" int, "TransType" text, "CreatedBy" int, "SourceLine" int, "ShortName" text);
    create table OITR ("ReconNum" int, "ReconDate" text, "ReconType" text, "Canceled" text, "CancelAbs" int);
    create table ITR1 ("ReconNum" int, "LineSeq" int, "TransId" int, "TransRowId" int, "IsCredit" text, "ReconSum" real,
        "ReconSumFC" real)
"""


def keep_sap(company: Company, url: str) -> dict[str, int]:
    books = Books(SAP)
    books.add("OADM", Code=1, MainCurncy="R$")
    books.add("OCRN", CurrCode="R$", ISOCurrCod="BRL")
    books.add("OCRN", CurrCode="USD", ISOCurrCod="USD")
    for payer in company.payers:
        code = f"C{payer.number:05d}"
        # Imported through a spreadsheet: zeros in front of a number were lost.
        number = payer.tax_id and (dotted(payer.tax_id) if payer.number % 4 else payer.tax_id.lstrip("0"))
        own = number if number and payer.number % 3 else None
        books.add(
            "OCRD", CardCode=code, CardName=payer.name, CardType="C", LicTradNum=None if own else number, E_Mail=payer.email,
            Phone1="", Cellular=payer.phone, City=payer.city, State1=payer.state, CmpPrivate="C" if payer.is_company else "I",
            UpdateDate="2026-11-17 00:00:00",
        )  # fmt: skip
        books.add("CRD7", CardCode=code, Address="Entrega", AddrType="S", TaxId0="", TaxId4="")
        if own:
            which = {"TaxId0": own, "TaxId4": ""} if payer.is_company else {"TaxId0": "", "TaxId4": own}
            books.add("CRD7", CardCode=code, Address="", AddrType="S", **which)
    books.add("OCRD", CardCode="V00001", CardName="Só fornecedor", CardType="S")
    entries, journals, recons = iter(range(1, 10**6)), iter(range(1, 10**6)), iter(range(1, 10**6))

    def document(invoice: Invoice, canceled: str) -> tuple[int, int]:
        key, journal = next(entries), next(journals)
        books.add(
            "OINV", DocEntry=key, DocNum=5000 + key, Serial=key if key % 2 else 0, CardCode=f"C{invoice.payer.number:05d}",
            DocDate=f"{invoice.issued} 00:00:00", DocCur="R$" if invoice.currency == "BRL" else "USD", CANCELED=canceled,
            TransId=journal, UpdateDate="2026-11-17 00:00:00",
        )  # fmt: skip
        books.add("JDT1", TransId=journal, Line_ID=0, TransType="13", CreatedBy=key, SourceLine=-1, ShortName="4.1.01")
        for number, (due, cents) in enumerate(invoice.instalments, 1):
            settled, foreign = invoice.settled(number), invoice.currency != "BRL"
            books.add(
                "INV6", DocEntry=key, InstlmntID=number, DueDate=f"{due} 00:00:00", InsTotal=company_money(invoice, cents),
                InsTotalFC=money(cents) if foreign else Decimal(0), PaidToDate=company_money(invoice, settled),
                PaidFC=money(settled) if foreign else Decimal(0),
            )  # fmt: skip
            books.add("JDT1", TransId=journal, Line_ID=number, TransType="13", CreatedBy=key, SourceLine=number, ShortName="C")
        return key, journal

    def reconcile(
        invoice: Invoice, journal: int, event: Event, *, canceled: str = "N", kind: str = "3", turned: bool = False
    ) -> None:
        recon, other = next(recons), next(journals)
        books.add("OITR", ReconNum=recon, ReconDate=f"{event.on} 00:00:00", ReconType=kind, Canceled=canceled, CancelAbs=0)
        paper = "14" if event.kind == "credit_note" else "30" if event.kind == "write_off" else "24"
        books.add("JDT1", TransId=other, Line_ID=1, TransType=paper, CreatedBy=event.number, SourceLine=-6, ShortName="C")
        rows = [(journal, number, "D", cents) for number, cents in event.parts.items()] + [(other, 1, "C", event.amount)]
        for sequence, (trans, line, side, cents) in enumerate(rows):
            side = {"D": "C", "C": "D"}[side] if turned else side
            books.add(
                "ITR1", ReconNum=recon, LineSeq=sequence, TransId=trans, TransRowId=line, IsCredit=side,
                ReconSum=company_money(invoice, cents), ReconSumFC=Decimal(0) if invoice.currency == "BRL" else money(cents),
            )  # fmt: skip

    for invoice in company.invoices:
        _, journal = document(invoice, "Y" if invoice.cancelled else "N")
        if invoice.cancelled:
            document(invoice, "C")
        for event in invoice.events:
            if event.kind == "undone":
                reconcile(invoice, journal, event, canceled="Y")
                reconcile(invoice, journal, event, kind="7", turned=True)
            else:
                reconcile(invoice, journal, event, kind={"payment": "3", "credit_note": "4"}.get(event.kind, "0"))
                if invoice.currency == "USD":
                    # The rate has moved since: reconciled in reais alone.
                    books.add(
                        "OITR", ReconNum=(gap := next(recons)), ReconDate=f"{event.on} 00:00:00", ReconType="0", Canceled="N"
                    )
                    line = {"TransId": journal, "TransRowId": min(event.parts), "IsCredit": "D"}
                    books.add("ITR1", ReconNum=gap, LineSeq=0, ReconSum=0.37, ReconSumFC=0.0, **line)
    books.write(url)
    return {f"C{payer.number:05d}": payer.number for payer in company.payers}
