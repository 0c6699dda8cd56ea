"""A fixed corpus of values that pass through cleaning, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from cobranca import schema
from cobranca.sources.cleaning.bounds import ANY, Bounds
from cobranca.sources.drivers.csv_files import _UNREADABLE

WEST = timezone(timedelta(hours=-3))


@dataclass(frozen=True)
class Case:
    """One column and the values that pass through it.

    ``also`` are other columns of the same rows.
    """

    entity: str
    column: str
    values: Sequence
    hundredths: bool = False
    bounds: Bounds = ANY
    also: dict = field(default_factory=dict)

    @property
    def title(self) -> str:
        notes = ["in hundredths"] * self.hundredths + ["within bounds"] * (self.bounds is not ANY)
        notes += [f"{name} = {value}" for name, value in self.also.items()]
        return f"{self.entity}.{self.column}" + (f" ({', '.join(notes)})" if notes else "")


MONEY = [
    None, "", "   ", 0, 7, -5, 10**15, 10**16, 10**40, True, 0.1, 1234.56, 0.1 + 0.2, 1e22,
    float("nan"), float("inf"), Decimal("1234.56"), Decimal("10.5000"), Decimal("10.005"),
    Decimal("-5.00"), Decimal("9999999999999999.99"), Decimal("10000000000000000.00"),
    Decimal("1E+3"), Decimal("1E+400"), Decimal("NaN"), Decimal("-Infinity"), _UNREADABLE,
    "1234.56", "1234", "1.234,56", "1.234", "1.234.567", "1.234.567,8", "1234,5", ",5", ".5",
    "5.", "5,", "-5,00", "+5,00", "R$ 1.234,56", " R$ 1.234,56 ", "R$\u00a01.234,56", "r$5",
    "-R$ 5,00", "R$ -5,00", "-R$ -5,00", "US$ 5.00", "€ 5,00", "BRL 5", "5 BRL", "(5,00)", "1e5",
    "1,234.56", "12.34.56", "1.2345,00", "NaN", "-inf", "dez", "٣", "10.005",
    "0,30000000000000004", "99999999999999999.00", "1 234,56", b"10.50",
]  # fmt: skip
CENTS = [
    None, "", 0, 1, 12345, -7, 999_999_999_999_999_999, 10**18, -(10**18), 10**30,
    Decimal(12345), Decimal("12345.0"), Decimal("12345.5"), 12345.0, 0.5, "12345", "123,45",
    "1.234.567", "dez",
]  # fmt: skip
DATES = [
    None, "", date(2026, 11, 3), date(2000, 1, 1), date(1999, 12, 31), date(2078, 12, 31),
    date(2079, 1, 1), datetime(2026, 11, 3, 23, 59), datetime(2026, 11, 4, 2, 30, tzinfo=UTC),
    datetime(2026, 11, 3, 23, tzinfo=WEST), 20261103, 20261345, 0, Decimal(20261103),
    "2026-11-03", " 2026-11-03 ", "2026-11-03 00:00:00", "2026-11-03T10:00:00",
    "2026-11-03T23:00:00-03:00", "2018-01-15 23:30:00-03", "2018-07-15 23:30:00-03",
    "2026-11-03 23:45:00-03:30", "2026-11-04 02:30:00Z", "2026-11-04 02:30:00+00",
    "2026-11-04T02:30:00+02:00", "2026-11-04T02:30:00-05:00", "2026-11-04T02:30:00.123456Z",
    "20261103", " 20261103 ", "0000-00-00", "00000000", "0", "0000-00-00 00:00:00", "2026-02-30",
    "2026-13-01", "20261345", "31/10/2026", "2026-11-3", "2026-11-03X", "20226-01-15", "infinity",
    "A DEFINIR", "0044-03-15", "1900-01-01", 1.5, b"2026-11-03",
]  # fmt: skip
TIMES = [
    None, "", datetime(2026, 11, 3, 10), datetime(2026, 11, 3, 10, 0, 0, 123456),
    datetime(2026, 11, 3, 10, tzinfo=WEST), datetime(2026, 11, 3, tzinfo=UTC), date(2026, 11, 3),
    "2026-11-03", "2026-11-03 10:00:00", "2026-11-03 10:00:00.5", "2026-11-03 10:00:00.123456",
    "2026-11-03 10:00:00.5+00", "2026-11-03T10:00:00Z", "2026-11-03T10:00:00-03:00",
    "2026-11-03 10:00:00-03", "2026-11-03 10:00:00+05:30", " 2026-11-03 10:00:00 ", "20261103",
    "0000-00-00 00:00:00", "00000000", "infinity", "yesterday", "2026-11-03 25:00:00", 20261103,
    b"2026-11-03 10:00:00",
]  # fmt: skip
FLAGS = [
    None, "", "  ", True, False, 1, 0, 2, Decimal(1), Decimal("0.00"), 1.0, b"\x01", b"\x00",
    b"S", "1", "0", "S", "s", "sim", "SIM", "y", "yes", "t", "true", "V", "verdadeiro", "N", "n",
    "nao", "não", "NÃO", "no", "f", "False", "falso", " S ", "talvez", "x", "2",
]  # fmt: skip
RATES = [
    None, "", 0, 1, 2, 0.01, 0.1 + 0.2, Decimal("0.02"), Decimal("0.0003333333"),
    Decimal("0.0203333335"), Decimal("0.9999999"), Decimal("-0.01"), Decimal("NaN"), "0,02",
    "0.02", "2%", "2", "dois", " 0,0333 ", True,
]  # fmt: skip
TEXTS = [
    None, "", "  ", "\u00a0", "Ana", " Ana ", "\u00a0Ana\u00a0", "\tAna\n", "Ana\nSilva",
    "A\x00B", "A\x7fB", "Joa\u0303o", "João", "Ação ñ €", "ﬁ", "'; drop table", "\ud800",
    "emoji 😀", 7, -7, 10**30, Decimal("17.00"), Decimal("1E+2"), Decimal("17.50"), 17.0, 17.25,
    1e22, float("nan"), True, date(2026, 11, 3), datetime(2026, 11, 3, 10), b"Ana", b"\xff",
]  # fmt: skip
KEYS = [
    "9" * schema.LONGEST_ID,
    "9" * (schema.LONGEST_ID + 1),
    "ç" * schema.LONGEST_ID,
    "ç" * (schema.LONGEST_ID + 1),
    "007",
]
EMAILS = [
    None, "", "a@exemplo.com.br", " a@exemplo.com.br ", "A@Exemplo.com.br", "MARIA@EXEMPLO.COM",
    "maria.silva+x@exemplo.com.br", "a@exemplo.com.br;b@exemplo.com.br", "ruim; b@exemplo.com.br",
    "a@exemplo.com.br, b@exemplo.com.br", "a@exemplo.com.br b@exemplo.com.br",
    "Ana <a@exemplo.com.br>", "a@@exemplo.com.br", "a@localhost", "a@exemplo",
    "a..b@exemplo.com.br", ".a@exemplo.com.br", "a@exemplo..com", "a@-exemplo.com",
    "não@exemplo.com.br", "a@exêmplo.com.br", "a@exemplo.com.br.", "a@test", "a@exemplo.invalid",
    "sem e-mail", "a@exemplo.com.br\nb@exemplo.com.br", "mailto:a@exemplo.com.br",
]  # fmt: skip
PHONES = [
    None, "", "11988887777", "(11) 98888-7777", "11 98888 7777", "11-98888.7777", "011988887777",
    "5511988887777", "+5511988887777", "+55 (11) 98888-7777", "(11) 8888-7777", "1188887777",
    "(11) 3333-4444", "11 33334444", "98888-7777", "3333-4444", "0800 123 4567", "0300 123 4567",
    "4004-1234", "(11) 98888-7777 / (11) 3333-4444", "sem; (11) 98888-7777",
    "(11) 98888-7777 ou (11) 97777-6666", "x\n(11) 98888-7777", "(11) 3333-4444 ramal 12",
    "(11) 3333-4444 r. 5", "+1 202 555 0123", "+351 912 345 678", "(20) 98888-7777",
    "(11) 98888-77777", "000", "não tem", 11988887777, Decimal(11988887777),
]  # fmt: skip
TAX_IDS = [
    None, "", "529.982.247-25", "52998224725", " 529 982 247-25 ", "529.982.247-26",
    "11111111111", "00000000191", "191", 191, "0000000191", 52998224725, Decimal(52998224725),
    "11.222.333/0001-81", "11222333000181", "11222333000182", "00000000000191", "000000000191",
    "12.ABC.345/01DE-35", "12abc34501de35", "12ABC34501DE34", "1234567890", "4563827091",
    "isento",
]  # fmt: skip
STATES = [None, "", "SP", "sp", " rj ", "São Paulo", "XX"]
CURRENCIES = [None, "", "BRL", "brl", " usd ", "EUR", "R$", "XXX", "real"]
STATUSES = [None, "", "open", " OPEN ", "cancelled", "written_off", "agreed", "X", 1]
KINDS = [None, "", "payment", "Reversal", "credit_note", "discount", "write_off", "bonus"]
CONTRACTS = [None, "", "consumer", " BUSINESS ", "other"]
BOUNDED = Bounds(latest_due=date(2027, 12, 31), largest_amount=Decimal("50000.00"))
CASES = [
    Case("customers", "customer_id", [*TEXTS, *KEYS]),
    Case("customers", "name", TEXTS),
    Case("customers", "city", TEXTS),
    Case("customers", "tax_id", TAX_IDS),
    Case("customers", "email", EMAILS),
    Case("customers", "phone", PHONES),
    Case("customers", "state", STATES),
    Case("customers", "segment", [None, " Varejo ", "VAREJO"]),
    Case("customers", "contract_type", CONTRACTS),
    Case("customers", "preferred_channel", [None, "", " Email ", "WHATSAPP", "fax"]),
    Case("customers", "legal_hold", FLAGS),
    Case("customers", "updated_at", TIMES),
    Case("receivables", "customer_id", [*TEXTS[:5], *KEYS]),
    Case("receivables", "amount", MONEY),
    Case("receivables", "amount", CENTS, hundredths=True),
    Case(
        "receivables",
        "amount",
        ["49999.99", "50000.00", "50000,01", 50_001, Decimal("50000.01")],
        bounds=BOUNDED,
    ),
    Case("receivables", "open_amount", MONEY),
    Case("receivables", "open_amount", CENTS, hundredths=True),
    Case("receivables", "due_date", DATES),
    Case("receivables", "due_date", ["2027-12-31", "2028-01-01", date(2028, 1, 1)], bounds=BOUNDED),
    Case("receivables", "issue_date", DATES),
    Case("receivables", "currency", CURRENCIES),
    Case("receivables", "status", STATUSES),
    Case("receivables", "disputed", ["S", "talvez", None]),
    Case("receivables", "fine_rate", RATES),
    Case("receivables", "monthly_interest_rate", RATES, hundredths=True),
    Case(
        "receivables",
        "fine_rate",
        RATES,
        bounds=Bounds(highest_rates=(("fine_rate", Decimal("0.02")),)),
    ),
    Case("receivables", "boleto_line", [None, " 23790.00009 ", "2379"]),
    Case("payments", "paid_on", DATES),
    Case("payments", "credited_on", DATES),
    Case("payments", "kind", KINDS),
    Case("payments", "amount", [5, -5, 0, "-5,00", Decimal("-5.00"), None]),
    Case(
        "payments", "amount", [5, -5, 0, "-5,00", Decimal("-5.00"), None], also={"kind": "reversal"}
    ),
    Case("payments", "amount", [-5, 12345], hundredths=True, also={"kind": "reversal"}),
]
