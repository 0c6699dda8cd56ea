"""``cobranca check`` tells what the rates of a source come to in money."""

import pytest

from cobranca.settings import Settings
from cobranca.sources.check import check, report
from source_databases import TITLE, D, MakeSource


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        (
            "fraction",
            [
                "fine_rate of 3 rows, read as fraction: smallest, median and largest are 0.02 %, "
                "0.02 %, 2 %; fine on R$ 1000.00: R$ 0.20, 0.20, 20.00",
                "fine_rate of 61 rows is set aside (1, 2, 25): read as fraction, and more than "
                "20 % is not believed; correct it there, or say 'rates: percent' in the source's "
                "file",
            ],
        ),
        (
            "percent",
            [
                "fine_rate of 63 rows, read as percent: smallest, median and largest are 0.0002 %, "
                "2 %, 2 %; fine on R$ 1000.00: R$ 0.00, 20.00, 20.00",
                "fine_rate of 1 rows is set aside (25): read as percent, and more than 20 % is not "
                "believed; correct it there, or say 'rates: percent' in the source's file",
            ],
        ),
    ],
)
def test_check_tells_what_all_rates_of_a_source_come_to(
    erp_only: Settings, make_source: MakeSource, unit, told
):
    """Not those of the first rows alone: the mistaken ones may come later."""
    erp = make_source("erp")
    rates = ["1"] * 10 + ["0.0002"] * 2 + ["0.02", "25"] + ["2"] * 50 + [None]
    for number, rate in enumerate(rates):
        erp.add("titulos", TITLE | {"id": number, "multa": rate})
    path = erp_only.config / "sources" / "erp.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("connection:", f"rates: {unit}\nconnection:", 1))
    rows = check(erp_only, D)
    (found,) = (row.rates for row in rows if row.entity == "receivables")
    assert [line for line in found if line.startswith("fine_rate")] == told
    assert f"rates erp receivables: {told[0]}" in report(rows)
