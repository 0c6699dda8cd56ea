"""The company kept in the tables of ERPNext."""

from datetime import timedelta
from decimal import Decimal

from presets.books import NOW, Books, company_money
from presets.company import Company, Event, Invoice, Payer, money

ERPNEXT = """
    create table `tabCustomer` (name varchar(140) primary key, customer_name varchar(140),
        tax_id varchar(140),
        email_id varchar(140), mobile_no varchar(140), customer_type varchar(140),
        customer_primary_address varchar(140),
        modified datetime(6));
    create table `tabAddress` (name varchar(140) primary key, city varchar(140),
        state varchar(140));
    create table `tabContact` (name varchar(140) primary key, email_id varchar(140),
        mobile_no varchar(140), phone varchar(140),
        is_primary_contact int);
    create table `tabDynamic Link` (name varchar(140) primary key, parent varchar(140),
        parenttype varchar(140),
        link_doctype varchar(140), link_name varchar(140));
    create table `tabSales Invoice` (name varchar(140) primary key, customer varchar(140),
        posting_date date, due_date date,
        grand_total decimal(21,9), rounded_total decimal(21,9), base_grand_total decimal(21,9),
        base_rounded_total decimal(21,9),
        total_advance decimal(21,9), outstanding_amount decimal(21,9), currency varchar(140),
        party_account_currency varchar(140),
        docstatus int, is_return int, return_against varchar(140), update_outstanding_for_self int,
        modified datetime(6));
    create table `tabPayment Schedule` (name varchar(140) primary key, parent varchar(140),
        parenttype varchar(140), idx int,
        payment_term varchar(140), due_date date, payment_amount decimal(21,9),
        base_payment_amount decimal(21,9));
    create table `tabPayment Entry` (name varchar(140) primary key, posting_date date,
        docstatus int, payment_type varchar(140),
        party_type varchar(140), party varchar(140), mode_of_payment varchar(140),
        modified datetime(6));
    create table `tabPayment Entry Reference` (name varchar(140) primary key, parent varchar(140),
        reference_doctype varchar(140),
        reference_name varchar(140), payment_term varchar(140), allocated_amount decimal(21,9));
    create table `tabJournal Entry` (name varchar(140) primary key, posting_date date,
        docstatus int, voucher_type varchar(140),
        modified datetime(6));
    create table `tabJournal Entry Account` (name varchar(140) primary key, parent varchar(140),
        party_type varchar(140),
        party varchar(140), reference_type varchar(140), reference_name varchar(140),
        debit_in_account_currency decimal(21,9),
        credit_in_account_currency decimal(21,9))
"""


def keep_erpnext(company: Company, url: str) -> dict[str, int]:  # noqa: C901 - one ERP from top to bottom
    books = Books(ERPNEXT)

    def customer_of(payer: Payer) -> str:
        return f"CUST-{payer.number:05d}"

    for payer in company.payers:
        name = customer_of(payer)
        books.add(
            "tabCustomer", name=name, customer_name=f"  {payer.name.upper()}  ",
            tax_id=payer.tax_id, email_id=None, mobile_no="",
            customer_type="Company" if payer.is_company else "Individual",
            customer_primary_address=f"{name}-A", modified=NOW,
        )  # fmt: skip
        books.add("tabAddress", name=f"{name}-A", city=payer.city, state=payer.state)
        for at, (email, phone, first) in enumerate([("", "", 0), (payer.email, payer.phone, 1)]):
            books.add(
                "tabContact",
                name=f"{name}-C{at}",
                email_id=email,
                mobile_no=phone,
                phone="",
                is_primary_contact=first,
            )
            books.add(
                "tabDynamic Link", name=f"{name}-L{at}", parent=f"{name}-C{at}",
                parenttype="Contact", link_doctype="Customer",
                link_name=name,
            )  # fmt: skip

    def sales_invoice(
        invoice: Invoice, name: str, cents: int, left: int, docstatus: int, **columns
    ) -> None:
        defaults = {
            "posting_date": invoice.issued,
            "is_return": 0,
            "update_outstanding_for_self": 0,
            "total_advance": Decimal(0),
        }
        books.add(
            "tabSales Invoice", name=name, customer=customer_of(invoice.payer),
            due_date=invoice.instalments[-1][0],
            grand_total=money(cents), rounded_total=Decimal(0),
            base_grand_total=company_money(invoice, cents),
            base_rounded_total=Decimal(0), outstanding_amount=money(left),
            currency=invoice.currency,
            party_account_currency=invoice.currency, docstatus=docstatus, modified=NOW,
            **(defaults | columns),
        )  # fmt: skip

    def payment(
        event: Event, invoice: Invoice, name: str, docstatus: int, advance: bool = False
    ) -> None:
        entry = f"PAY-{event.number:06d}{'A' if advance else ''}"
        books.add(
            "tabPayment Entry", name=entry, posting_date=event.on, docstatus=docstatus,
            payment_type="Receive",
            mode_of_payment="Pix", party_type="Customer", party=customer_of(invoice.payer),
            modified=NOW,
        )  # fmt: skip
        rows = event.parts.items() if invoice.termed else [(None, event.amount)]
        for number, cents in rows:
            books.add(
                "tabPayment Entry Reference", name=f"{event.number:06d}{number or ''}a",
                parent=entry,
                reference_doctype="Sales Invoice", reference_name=name,
                payment_term=f"{number}a parcela" if number else None,
                allocated_amount=money(cents),
            )  # fmt: skip

    def journal(
        event: Event, invoice: Invoice, name: str, voucher: str, *, debit: int = 0, credit: int = 0
    ) -> None:
        entry = f"JV-{event.number:06d}"
        books.add(
            "tabJournal Entry",
            name=entry,
            posting_date=event.on,
            docstatus=1,
            voucher_type=voucher,
            modified=NOW,
        )
        books.add(
            "tabJournal Entry Account", name=f"{event.number:06d}b", parent=entry,
            party_type="Customer",
            party=customer_of(invoice.payer), reference_type="Sales Invoice", reference_name=name,
            debit_in_account_currency=money(debit), credit_in_account_currency=money(credit),
        )  # fmt: skip

    for invoice in company.invoices:
        name = f"SINV-{invoice.number:05d}"
        left = sum(
            max(invoice.open(number), 0) for number in range(1, len(invoice.instalments) + 1)
        )
        # Some orders were paid in part before they were invoiced: ERPNext's schedule then holds the
        # rest alone.
        advance = (
            5_00 if invoice.number % 7 == 0 and not invoice.cancelled and not invoice.termed else 0
        )
        sales_invoice(
            invoice, name, invoice.total + advance, left, 2 if invoice.cancelled else 1,
            total_advance=money(advance)
        )  # fmt: skip
        if advance:
            before = Event(
                900_000 + invoice.number,
                "payment",
                invoice.issued - timedelta(days=3),
                {1: advance},
            )
            payment(before, invoice, name, 1, advance=True)
        for number, (due, cents) in enumerate(invoice.instalments, 1):
            books.add(
                "tabPayment Schedule", name=f"{name}-{number}", parent=name,
                parenttype="Sales Invoice", idx=number,
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
                    invoice, note, -event.amount, 0, 1, posting_date=event.on, is_return=1,
                    return_against=name,
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


# Dolibarr
