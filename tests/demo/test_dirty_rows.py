"""The rows that are wrong on purpose."""

from cobranca.demo.dirty_rows import FIRST_NUMBER


def test_dirty_rows_are_few_and_apart(tonight):
    dirty = {
        table: [row for row in rows if isinstance(row[0], int) and row[0] >= FIRST_NUMBER]
        for table, rows in tonight.items()
    }
    assert 30 <= sum(map(len, dirty.values())) <= 80
    assert any(row[6] is None for row in dirty["titulos"])
    assert any(row[6] is not None and row[6] < 0 for row in dirty["titulos"])
    assert any(row[5] is not None and row[5] < row[4] for row in dirty["titulos"])
    assert {"20261345", "00000000", "", "A DEFINIR"} <= {row[5] for row in dirty["invoice"]}
    assert any(row[2].startswith(" ") for row in tonight["invoice"])
    assert sum(row[0].startswith(" ") for row in tonight["clientes"]) == 3
