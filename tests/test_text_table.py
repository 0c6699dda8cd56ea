"""Tables for a terminal: every column as wide as it needs, and not wider."""

from cobranca.text_table import plain_table, ruled_table


def test_numbers_are_aligned_to_the_right_and_long_cells_cut():
    assert ruled_table(("a", "rows"), [("x" * 20, 5), ("y", None), ("z\nz", 1000)], widest=8) == (
        "a         rows\n--------  ----\nxxxxxxx…     5\ny\nz z       1000"
    )


def test_text_that_looks_like_a_number_stays_as_it_is():
    assert (
        ruled_table(("id", "name"), [("00012", "1e5"), ("7", "1,000")])
        == "id     name\n-----  -----\n00012  1e5\n7      1,000"
    )


def test_a_table_without_rows_has_its_header():
    assert ruled_table(("a", "rows"), []) == "a  rows\n-  ----"


def test_figures_stand_to_the_right_of_their_names():
    assert (
        plain_table([["Quem", "AUC"], ["Nota do ranking", "0,5"]])
        == "Quem             AUC\nNota do ranking  0,5"
    )
