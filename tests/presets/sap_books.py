"""The company kept in the tables of SAP Business One."""

from decimal import Decimal

from cobranca.demo.tax_ids import dotted
from presets.books import Books, company_money
from presets.company import Company, Event, Invoice, money

SAP = """
    create table OADM ("Code" int, "MainCurncy" text);
    create table OCRN ("CurrCode" text, "ISOCurrCod" text);
    create table OCRD ("CardCode" text, "CardName" text, "CardType" text, "LicTradNum" text,
        "E_Mail" text, "Phone1" text,
        "Cellular" text, "City" text, "State1" text, "CmpPrivate" text, "UpdateDate" text);
    create table CRD7 ("CardCode" text, "Address" text, "AddrType" text, "TaxId0" text,
        "TaxId4" text);
    create table OINV ("DocEntry" int, "DocNum" int, "Serial" int, "CardCode" text, "DocDate" text,
        "DocCur" text,
        "CANCELED" text, "TransId" int, "UpdateDate" text);
    create table INV6 ("DocEntry" int, "InstlmntID" int, "DueDate" text, "InsTotal" real,
        "InsTotalFC" real, "PaidToDate" real,
        "PaidFC" real);
    create table JDT1 ("TransId" int, "Line_ID" int, "TransType" text, "CreatedBy" int,
        "SourceLine" int, "ShortName" text);
    create table OITR ("ReconNum" int, "ReconDate" text, "ReconType" text, "Canceled" text,
        "CancelAbs" int);
    create table ITR1 ("ReconNum" int, "LineSeq" int, "TransId" int, "TransRowId" int,
        "IsCredit" text, "ReconSum" real,
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
        number = payer.tax_id and (
            dotted(payer.tax_id) if payer.number % 4 else payer.tax_id.lstrip("0")
        )
        own = number if number and payer.number % 3 else None
        books.add(
            "OCRD", CardCode=code, CardName=payer.name, CardType="C",
            LicTradNum=None if own else number, E_Mail=payer.email,
            Phone1="", Cellular=payer.phone, City=payer.city, State1=payer.state,
            CmpPrivate="C" if payer.is_company else "I",
            UpdateDate="2026-11-17 00:00:00",
        )  # fmt: skip
        books.add("CRD7", CardCode=code, Address="Entrega", AddrType="S", TaxId0="", TaxId4="")
        if own:
            which = (
                {"TaxId0": own, "TaxId4": ""} if payer.is_company else {"TaxId0": "", "TaxId4": own}
            )
            books.add("CRD7", CardCode=code, Address="", AddrType="S", **which)
    books.add("OCRD", CardCode="V00001", CardName="Só fornecedor", CardType="S")
    entries, journals, recons = iter(range(1, 10**6)), iter(range(1, 10**6)), iter(range(1, 10**6))

    def document(invoice: Invoice, canceled: str) -> tuple[int, int]:
        key, journal = next(entries), next(journals)
        books.add(
            "OINV", DocEntry=key, DocNum=5000 + key, Serial=key if key % 2 else 0,
            CardCode=f"C{invoice.payer.number:05d}",
            DocDate=f"{invoice.issued} 00:00:00",
            DocCur="R$" if invoice.currency == "BRL" else "USD", CANCELED=canceled,
            TransId=journal, UpdateDate="2026-11-17 00:00:00",
        )  # fmt: skip
        books.add(
            "JDT1",
            TransId=journal,
            Line_ID=0,
            TransType="13",
            CreatedBy=key,
            SourceLine=-1,
            ShortName="4.1.01",
        )
        for number, (due, cents) in enumerate(invoice.instalments, 1):
            settled, foreign = invoice.settled(number), invoice.currency != "BRL"
            books.add(
                "INV6", DocEntry=key, InstlmntID=number, DueDate=f"{due} 00:00:00",
                InsTotal=company_money(invoice, cents),
                InsTotalFC=money(cents) if foreign else Decimal(0),
                PaidToDate=company_money(invoice, settled),
                PaidFC=money(settled) if foreign else Decimal(0),
            )  # fmt: skip
            books.add(
                "JDT1",
                TransId=journal,
                Line_ID=number,
                TransType="13",
                CreatedBy=key,
                SourceLine=number,
                ShortName="C",
            )
        return key, journal

    def reconcile(
        invoice: Invoice,
        journal: int,
        event: Event,
        *,
        canceled: str = "N",
        kind: str = "3",
        turned: bool = False,
    ) -> None:
        recon, other = next(recons), next(journals)
        books.add(
            "OITR",
            ReconNum=recon,
            ReconDate=f"{event.on} 00:00:00",
            ReconType=kind,
            Canceled=canceled,
            CancelAbs=0,
        )
        paper = "14" if event.kind == "credit_note" else "30" if event.kind == "write_off" else "24"
        books.add(
            "JDT1",
            TransId=other,
            Line_ID=1,
            TransType=paper,
            CreatedBy=event.number,
            SourceLine=-6,
            ShortName="C",
        )
        rows = [(journal, number, "D", cents) for number, cents in event.parts.items()] + [
            (other, 1, "C", event.amount)
        ]
        for sequence, (trans, line, side, cents) in enumerate(rows):
            is_credit = {"D": "C", "C": "D"}[side] if turned else side
            books.add(
                "ITR1", ReconNum=recon, LineSeq=sequence, TransId=trans, TransRowId=line,
                IsCredit=is_credit,
                ReconSum=company_money(invoice, cents),
                ReconSumFC=Decimal(0) if invoice.currency == "BRL" else money(cents),
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
                reconcile(
                    invoice,
                    journal,
                    event,
                    kind={"payment": "3", "credit_note": "4"}.get(event.kind, "0"),
                )
                if invoice.currency == "USD":
                    # The rate has moved since: reconciled in reais alone.
                    books.add(
                        "OITR",
                        ReconNum=(gap := next(recons)),
                        ReconDate=f"{event.on} 00:00:00",
                        ReconType="0",
                        Canceled="N",
                    )
                    line = {"TransId": journal, "TransRowId": min(event.parts), "IsCredit": "D"}
                    books.add(
                        "ITR1", ReconNum=gap, LineSeq=0, ReconSum=0.37, ReconSumFC=0.0, **line
                    )
    books.write(url)
    return {f"C{payer.number:05d}": payer.number for payer in company.payers}
