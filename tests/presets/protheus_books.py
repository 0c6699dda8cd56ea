"""The company kept in the tables of Protheus."""

from datetime import date, timedelta

from presets.books import Books, company_money
from presets.company import Company, D, Invoice, money

PROTHEUS = """
    create table SA1010 (A1_FILIAL text, A1_COD text, A1_LOJA text, A1_NOME text, A1_PESSOA text,
        A1_CGC text, A1_EMAIL text,
        A1_DDD text, A1_TEL text, A1_MUN text, A1_EST text, D_E_L_E_T_ text, R_E_C_N_O_ int,
        R_E_C_D_E_L_ int);
    create table SE1010 (E1_FILIAL text, E1_PREFIXO text, E1_NUM text, E1_PARCELA text,
        E1_TIPO text, E1_CLIENTE text,
        E1_LOJA text, E1_EMISSAO text, E1_VENCTO text, E1_VENCREA text, E1_VALOR real,
        E1_SALDO real, E1_MOEDA real,
        D_E_L_E_T_ text, R_E_C_N_O_ int, R_E_C_D_E_L_ int);
    create table SE5010 (E5_FILIAL text, E5_DATA text, E5_DTDISPO text, E5_TIPO text, E5_VALOR real,
        E5_VLMOED2 real,
        E5_VLJUROS real, E5_VLMULTA real, E5_VLCORRE real, E5_VLDESCO real, E5_RECPAG text,
        E5_TIPODOC text, E5_MOTBX text,
        E5_SITUACA text, E5_DOCUMEN text, E5_PREFIXO text, E5_NUMERO text, E5_PARCELA text,
        E5_CLIFOR text, E5_LOJA text,
        E5_SEQ text, D_E_L_E_T_ text, R_E_C_N_O_ int, R_E_C_D_E_L_ int)
"""


def keep_protheus(company: Company, url: str) -> dict[str, int]:  # noqa: C901 - one ERP from top to bottom
    """Every text padded to the width of its column, dates as text, numbers as floats, deleted rows
    left in place.
    """
    books = Books(PROTHEUS)
    records = iter(range(1, 10**6))

    def add(table: str, *, deleted: bool = False, **row) -> None:
        books.add(
            table,
            D_E_L_E_T_="*" if deleted else " ",
            R_E_C_N_O_=next(records),
            R_E_C_D_E_L_=0,
            **row,
        )

    def day(value: date) -> str:
        return f"{value:%Y%m%d}"

    for payer in company.payers:
        row = {
            "A1_FILIAL": "  ", "A1_COD": f"{payer.number:06d}", "A1_LOJA": "01",
            "A1_NOME": payer.name.upper().ljust(40),
            "A1_PESSOA": "J" if payer.is_company else "F", "A1_CGC": (payer.tax_id or "").ljust(14),
            "A1_EMAIL": payer.email.ljust(60),
            "A1_DDD": payer.phone[1:3].ljust(3), "A1_TEL": payer.phone[5:].ljust(15),
            "A1_MUN": payer.city.ljust(60), "A1_EST": payer.state,
        }  # fmt: skip
        add("SA1010", **row)
        if payer.number % 5 == 0:
            add("SA1010", deleted=True, **row | {"A1_CGC": "0" * 14})

    def title(  # noqa: PLR0913 - the columns of one table
        invoice: Invoice,
        number: int,
        cents: int,
        due: date,
        left: int,
        *,
        kind: str = "NF",
        deleted: bool = False,
        **columns,
    ) -> dict:
        row = {
            "E1_FILIAL": "01", "E1_PREFIXO": "1".ljust(3), "E1_NUM": f"{invoice.number:09d}",
            "E1_PARCELA": str(number).ljust(2) if len(invoice.instalments) > 1 else "  ",
            "E1_TIPO": kind.ljust(3),
            "E1_CLIENTE": f"{invoice.payer.number:06d}", "E1_LOJA": "01",
            "E1_EMISSAO": day(invoice.issued), "E1_VENCTO": day(due),
            "E1_VENCREA": day(due), "E1_VALOR": money(cents), "E1_SALDO": money(left),
            "E1_MOEDA": 1 if invoice.currency == "BRL" else 2,
        } | columns  # fmt: skip
        add("SE1010", deleted=deleted, **row)
        return row

    def movement(
        invoice: Invoice,
        row: dict,
        on: date,
        sequence: int,
        cents: int,
        *,
        deleted: bool = False,
        **columns,
    ) -> None:
        values = {
            "E5_FILIAL": row["E1_FILIAL"], "E5_DATA": day(on),
            "E5_DTDISPO": day(on + timedelta(days=1)), "E5_TIPO": row["E1_TIPO"],
            "E5_VALOR": company_money(invoice, cents), "E5_VLMOED2": money(cents),
            "E5_VLJUROS": 0.0, "E5_VLMULTA": 0.0, "E5_VLCORRE": 0.0,
            "E5_VLDESCO": 0.0, "E5_RECPAG": "R", "E5_TIPODOC": "VL", "E5_MOTBX": "NOR",
            "E5_SITUACA": " ", "E5_DOCUMEN": " " * 50,
            "E5_PREFIXO": row["E1_PREFIXO"], "E5_NUMERO": row["E1_NUM"],
            "E5_PARCELA": row["E1_PARCELA"], "E5_CLIFOR": row["E1_CLIENTE"],
            "E5_LOJA": row["E1_LOJA"], "E5_SEQ": f"{sequence:02d}",
        } | columns  # fmt: skip
        add("SE5010", deleted=deleted, **values)

    for invoice in company.invoices:
        for number, (due, cents) in enumerate(invoice.instalments, 1):
            # Some payers withhold a tax: the title is larger by an abatement of the same key.
            withheld = (
                15_00
                if invoice.number % 8 == 0 and invoice.currency == "BRL" and not invoice.cancelled
                else 0
            )
            open_cents = max(invoice.open(number), 0)
            left = open_cents + withheld if open_cents else 0
            row = title(
                invoice,
                number,
                cents + withheld,
                due,
                cents if invoice.cancelled else left,
                deleted=invoice.cancelled,
            )
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
                        # What came on top of the title was interest and fine; each also has a row
                        # of its own kind.
                        columns = {
                            "E5_VALOR": money(part + surplus),
                            "E5_VLJUROS": money(surplus - 1),
                            "E5_VLMULTA": money(1),
                        }
                        movement(invoice, row, event.on, sequence, surplus - 1, E5_TIPODOC="JR")
                    movement(invoice, row, event.on, sequence, part, **columns)
                    if invoice.number % 6 == 0:
                        movement(invoice, row, event.on, sequence, part, deleted=True)
                elif event.kind == "discount" and invoice.currency == "BRL":
                    movement(
                        invoice, row, event.on, sequence, part, E5_VALOR=0.0,
                        E5_VLDESCO=money(part), E5_TIPODOC="BA"
                    )  # fmt: skip
                    movement(invoice, row, event.on, sequence, part, E5_TIPODOC="DC")
                elif event.kind == "undone" and event.number % 2:
                    movement(invoice, row, event.on, sequence, part)
                    movement(invoice, row, event.on, sequence, part, E5_TIPODOC="ES", E5_RECPAG="P")
                elif event.kind == "undone":
                    movement(invoice, row, event.on, sequence, part, E5_SITUACA="C")
                elif event.kind == "credit_note":
                    note = title(
                        invoice, number, part, event.on, 0, kind="NCC",
                        E1_NUM=f"{event.number:09d}", E1_EMISSAO=day(event.on)
                    )  # fmt: skip
                    of_note = (
                        note["E1_PREFIXO"]
                        + note["E1_NUM"]
                        + note["E1_PARCELA"]
                        + note["E1_TIPO"]
                        + note["E1_LOJA"]
                    ).ljust(50)
                    # A compensation moves no bank account: its value stands in the currency of the
                    # title.
                    compensated = {
                        "E5_MOTBX": "CMP",
                        "E5_VALOR": money(part),
                        "E5_VLMOED2": company_money(invoice, part),
                    }
                    movement(
                        invoice,
                        row,
                        event.on,
                        sequence,
                        part,
                        E5_TIPODOC="CP",
                        E5_DOCUMEN=of_note,
                        **compensated,
                    )
                    movement(
                        invoice, note, event.on, sequence, part, E5_TIPODOC="BA", **compensated
                    )
                else:
                    movement(
                        invoice, row, event.on, sequence, part, E5_TIPODOC="BA", E5_MOTBX="LIQ",
                        E5_VALOR=money(part)
                    )  # fmt: skip
    first = company.invoices[0]
    title(first, 1, 500_00, D, 500_00, kind="RA", E1_NUM="000090001")
    title(first, 1, 77_00, D, 77_00, kind="PR", E1_NUM="000090002")
    title(first, 1, 66_00, D, 66_00, kind="NCC", E1_NUM="000090003")
    books.write(url)
    return {f"{payer.number:06d}-01": payer.number for payer in company.payers}


# SAP Business One
