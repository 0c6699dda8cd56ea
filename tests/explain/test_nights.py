"""What one night says of a payer: the decision that stands for all its receivables."""

from dataclasses import replace
from datetime import date

import pytest

from cobranca.explain.nights import Night


def night(*decisions: tuple[str, str]) -> Night:
    rows = tuple({"receivable_key": key, "episode_key": of} for key, of in decisions)
    return Night(
        business_date=date(2026, 11, 18),
        batch_id="b",
        customer_key="C1",
        decisions=rows,
        receivables={},
        ranking=None,
        payers=1,
        contacts=(),
        asked_of_others={},
        promises=(),
        agreements=(),
        holds=(),
        next_steps=(),
        cases=(),
        limits=None,
    )


@pytest.mark.parametrize(
    ("decisions", "main"),
    [
        ([("erp:1", "erp:2"), ("erp:2", "erp:2")], "erp:2"),
        ([("erp:1", None), ("erp:2", None)], "erp:1"),
    ],
)
def test_the_receivable_that_carries_the_cadence_is_the_reason(decisions, main):
    assert night(*decisions).main["receivable_key"] == main


def test_a_payer_who_owes_nothing_has_no_decision():
    assert night().main is None


def test_a_hold_is_told_with_the_accounts_that_it_stops():
    holds = tuple(
        {"reason": reason, "only_creditor": creditor}
        for reason, creditor in (("of_all", None), ("of_a", "a"), ("of_b", "b"))
    )
    # A batch of before there were several creditors names none.
    whole = replace(night(), holds=(*holds, {"reason": "of_before"}))
    assert [row["reason"] for row in whole.of_creditor("a").holds] == [
        "of_all",
        "of_a",
        "of_before",
    ]
