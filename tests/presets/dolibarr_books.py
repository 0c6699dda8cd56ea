"""The company kept in the tables of Dolibarr."""

from datetime import date, datetime
from decimal import Decimal

from cobranca.demo.tax_ids import dotted
from presets.books import NOW, Books, company_money, settlements
from presets.company import Company, D, Event, Invoice, money

DOLIBARR = """
    create table llx_const (rowid int auto_increment primary key, name varchar(180), entity int,
        value text);
    create table llx_c_departements (rowid int primary key, code_departement varchar(6),
        nom varchar(50));
    create table llx_c_typent (id int primary key, code varchar(12));
    create table llx_c_paiement (id int primary key, code varchar(6));
    create table llx_societe (rowid int primary key, nom varchar(128), entity int, status tinyint,
        client tinyint,
        town varchar(50), fk_departement int, phone varchar(30), email varchar(128),
        idprof4 varchar(128), tva_intra varchar(20),
        fk_typent int,
        tms timestamp);
    create table llx_facture (rowid int primary key, ref varchar(30), entity int, type smallint,
        fk_soc int, datef date,
        date_lim_reglement date, total_ttc double(24,8), fk_statut smallint, paye smallint,
        close_code varchar(16),
        multicurrency_code varchar(3), multicurrency_total_ttc double(24,8), fk_facture_source int,
        tms timestamp);
    create table llx_paiement (rowid int primary key, ref varchar(30), datep datetime,
        amount double(24,8),
        multicurrency_amount double(24,8), fk_paiement int, statut smallint, tms timestamp);
    create table llx_paiement_facture (rowid int auto_increment primary key, fk_paiement int,
        fk_facture int, amount double(24,8),
        multicurrency_amount double(24,8));
    create table llx_societe_remise_except (rowid int auto_increment primary key, fk_soc int,
        datec datetime,
        amount_ttc double(24,8), multicurrency_amount_ttc double(24,8), fk_facture_line int,
        fk_facture int,
        fk_facture_source int, description text)
"""


def keep_dolibarr(company: Company, url: str) -> dict[str, int]:  # noqa: C901 - one ERP from top to bottom
    """Dolibarr knows no instalments: each is an invoice of its own."""
    books = Books(DOLIBARR)
    books.add("llx_const", name="MAIN_MONNAIE", entity=1, value="BRL")
    books.add("llx_c_typent", id=1, code="TE_PRIVATE")
    books.add("llx_c_typent", id=2, code="TE_SMALL")
    books.add("llx_c_paiement", id=2, code="VIR")
    states = {
        state: at for at, state in enumerate(sorted({payer.state for payer in company.payers}), 100)
    }
    for state, at in states.items():
        books.add("llx_c_departements", rowid=at, code_departement=state, nom=state)
    for payer in company.payers:
        number = payer.tax_id and dotted(payer.tax_id)
        tax_ids = (
            {"idprof4": number} if payer.number % 2 else {"idprof4": "", "tva_intra": payer.tax_id}
        )
        books.add(
            "llx_societe", rowid=payer.number, nom=payer.name, entity=1, status=1, client=1,
            town=payer.city,
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
            "llx_facture", rowid=key, ref=f"FA2611-{key:04d}", entity=1,
            fk_soc=invoice.payer.number, datef=day,
            date_lim_reglement=due, total_ttc=company_money(invoice, cents), tms=NOW, **foreign,
            **({"type": 0, "fk_statut": 1, "paye": 0} | columns),
        )  # fmt: skip
        return key

    def pay(invoice: Invoice, key: int, event: Event, cents: int) -> None:
        payment = next(payments)
        amounts = {"amount": company_money(invoice, cents), "multicurrency_amount": money(cents)}
        books.add(
            "llx_paiement", rowid=payment, ref=f"PAY{payment}",
            datep=datetime(event.on.year, event.on.month, event.on.day, 12),
            fk_paiement=2, statut=1, tms=NOW, **amounts,
        )  # fmt: skip
        books.add(
            "llx_paiement_facture", rowid=payment, fk_paiement=payment, fk_facture=key, **amounts
        )

    for invoice in company.invoices:
        for number, (due, cents) in enumerate(invoice.instalments, 1):
            given = {event.kind for event, at, _ in settlements(invoice) if at == number}
            status: dict = {"fk_statut": 1}
            if invoice.cancelled:
                status = {"fk_statut": 3, "close_code": "abandon"}
            elif "write_off" in given:
                status = {
                    "fk_statut": 2 if given - {"write_off"} else 3,
                    "close_code": "badcustomer",
                }
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
                            "llx_societe_remise_except", rowid=next(discounts),
                            fk_soc=invoice.payer.number, datec=NOW,
                            amount_ttc=company_money(invoice, surplus),
                            multicurrency_amount_ttc=money(surplus), fk_facture=None,
                            fk_facture_source=key, description="(EXCESS RECEIVED)",
                        )  # fmt: skip
                elif event.kind == "undone":
                    pay(invoice, key, event, part)
                    pay(invoice, key, event, -part)
                elif event.kind == "credit_note":
                    note = facture(
                        invoice,
                        -part,
                        event.on,
                        day=event.on,
                        type=2,
                        fk_statut=2,
                        fk_facture_source=key,
                    )
                    books.add(
                        "llx_societe_remise_except", rowid=next(discounts),
                        fk_soc=invoice.payer.number, fk_facture=key,
                        fk_facture_source=note,
                        datec=datetime(event.on.year, event.on.month, event.on.day, 9),
                        amount_ttc=company_money(invoice, part),
                        multicurrency_amount_ttc=money(part), description="(CREDIT_NOTE)",
                    )  # fmt: skip
    facture(company.invoices[0], 77_00, D, day=D, fk_statut=0)
    facture(company.invoices[0], 88_00, D, day=D, type=4)
    books.write(url)
    return {str(payer.number): payer.number for payer in company.payers}


# TOTVS Protheus
