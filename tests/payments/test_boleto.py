"""Boletos: published samples, the change of factor in 2025, and build → parse for any values."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobranca.payments import boleto
from cobranca.payments.boleto import InvalidBoleto

SAMPLE_LINE = "23793381286000782713695000063305975520000370000"
SAMPLE_BARCODE = "00193373700000001000500940144816060680935031"


@pytest.mark.parametrize(
    ("text", "reference", "bank", "due_date", "amount"),
    [
        (SAMPLE_LINE, date(2018, 6, 1), "237", date(2018, 6, 11), "3700.00"),
        (
            "23793.38128 60007.827136 95000.063305 9 75520000370000",
            date(2018, 6, 1),
            "237",
            date(2018, 6, 11),
            "3700.00",
        ),
        (SAMPLE_BARCODE, date(2008, 1, 1), "001", date(2007, 12, 31), "1.00"),
    ],
)
def test_published_samples_are_read(text, reference, bank, due_date, amount):
    found = boleto.parse(text, reference)
    assert (found.bank, found.due_date, found.amount) == (bank, due_date, Decimal(amount))
    assert found.currency == "9"


# Barcodes of which the sum of FEBRABAN's weights leaves each rest of 11 that is a case of its own,
# worked out apart from this package: result 11 less the rest, of which 10 and 11 become 1.
@pytest.mark.parametrize(
    ("result", "barcode", "line"),
    [
        (
            11,
            "34191163400000100061101234567890123456789012",
            "34191101213456789012334567890123116340000010006",
        ),
        (
            10,
            "34191163400000100151101234567890123456789012",
            "34191101213456789012334567890123116340000010015",
        ),
        (
            1,
            "34191163400000100021101234567890123456789012",
            "34191101213456789012334567890123116340000010002",
        ),
        (
            9,
            "34199163400000100031101234567890123456789012",
            "34191101213456789012334567890123916340000010003",
        ),
        (
            2,
            "34192163400000100091101234567890123456789012",
            "34191101213456789012334567890123216340000010009",
        ),
    ],
)
def test_each_result_of_mod_11_has_its_check_digit(result, barcode, line):
    digit = barcode[4]
    assert digit == ("1" if result in (1, 10, 11) else str(result))
    assert boleto.mod11(barcode[:4] + barcode[5:]) == digit
    assert boleto.parse(barcode, date(2026, 11, 18)).line == line
    for wrong in "0123456789".replace(digit, ""):
        assert not boleto.is_valid(f"{barcode[:4]}{wrong}{barcode[5:]}", date(2026, 11, 18))


def test_line_and_barcode_say_the_same():
    from_line = boleto.parse(SAMPLE_LINE, date(2018, 6, 1))
    assert boleto.parse(from_line.barcode, date(2018, 6, 1)) == from_line
    assert from_line.line == SAMPLE_LINE
    assert from_line.formatted_line == "23793.38128 60007.827136 95000.063305 9 75520000370000"


@pytest.mark.parametrize(
    ("due_date", "factor"),
    [
        (date(1997, 10, 8), 1),
        (date(2000, 7, 3), 1000),
        (date(2007, 12, 31), 3737),
        (date(2018, 6, 11), 7552),
        (date(2025, 2, 21), 9999),
        (date(2025, 2, 22), 1000),
        (date(2026, 11, 18), 1634),
        (date(2049, 10, 13), 9999),
        (date(2049, 10, 14), 1000),
    ],
)
def test_due_date_factors(due_date, factor):
    assert boleto.due_date_factor(due_date) == factor
    assert boleto.date_of_factor(factor, due_date) == due_date


@pytest.mark.parametrize("days", [-3000, 0, 5500])
def test_the_window_includes_its_ends(days):
    reference = date(2026, 11, 18)
    due_date = reference + timedelta(days=days)
    assert boleto.date_of_factor(boleto.due_date_factor(due_date), reference) == due_date


@pytest.mark.parametrize("days", [-3001, 5501])
def test_a_date_outside_the_window_is_never_taken_for_another(days):
    reference = date(2026, 11, 18)
    with pytest.raises(InvalidBoleto, match="means no date"):
        boleto.date_of_factor(boleto.due_date_factor(reference + timedelta(days=days)), reference)


def test_factor_zero_is_no_due_date():
    open_boleto = boleto.build("341", None, None, "1" * 25)
    assert boleto.parse(open_boleto.line, date(2026, 1, 1)).due_date is None
    assert boleto.parse(open_boleto.line, date(2026, 1, 1)).amount is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not 0"),
        ("123", "not 3"),
        ("8" * 48, "utility bill"),
        ("8" + "0" * 43, "utility bill"),
        (SAMPLE_LINE[:-1] + "1", "general check digit"),
        (SAMPLE_LINE[:9] + "5" + SAMPLE_LINE[10:], "field 1"),
        (SAMPLE_LINE[:20] + "5" + SAMPLE_LINE[21:], "field 2"),
        (SAMPLE_LINE[:31] + "6" + SAMPLE_LINE[32:], "field 3"),
        (SAMPLE_LINE[:-1] + "x", "only digits"),
        (SAMPLE_LINE[:-1] + "٠", "only digits"),
    ],
)
def test_wrong_codes_are_refused_with_the_reason(text, reason):
    with pytest.raises(InvalidBoleto, match=reason):
        boleto.parse(text, date(2018, 6, 1))
    assert not boleto.is_valid(text, date(2018, 6, 1))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("8" * 48, boleto.UtilityBill),
        ("8" + "0" * 43, boleto.UtilityBill),
        (SAMPLE_LINE[:-1], boleto.Malformed),
        (SAMPLE_LINE[:-1] + "x", boleto.Malformed),
        (boleto.build("237", date(2018, 6, 1), None, "1" * 25).line, boleto.UnknownDueDate),
        (SAMPLE_LINE[:-1] + "1", InvalidBoleto),
    ],
)
def test_each_kind_of_refusal_has_its_own_error(text, kind):
    with pytest.raises(InvalidBoleto) as refused:
        boleto.parse(text, date(2026, 11, 18))
    assert type(refused.value) is kind


@pytest.mark.parametrize(
    ("bank", "amount", "free_field"),
    [
        ("34", "1.00", "0" * 25),
        ("341", "1.005", "0" * 25),
        ("341", "-1.00", "0" * 25),
        ("341", "100000000.00", "0" * 25),
        ("341", "1.00", "0" * 24),
        ("341", "1.00", "x" * 25),
    ],
)
def test_parts_that_do_not_fit_are_refused(bank, amount, free_field):
    with pytest.raises(InvalidBoleto):
        boleto.build(bank, date(2026, 11, 18), Decimal(amount), free_field)


@pytest.mark.parametrize(
    ("last_digits", "result", "digit"),
    [(1, 1, "1"), (6, 2, "2"), (3, 8, "8"), (8, 9, "9"), (2, 10, "1"), (7, 11, "1")],
)
def test_the_mod_11_results_10_and_11_become_the_digit_1(last_digits, result, digit):
    """Three of eleven genuine boletos have the digit 1."""
    digits = f"3419{last_digits:039d}"
    weighted = sum(int(digits[-1 - place]) * (2 + place % 8) for place in range(43))
    assert 11 - weighted % 11 == result
    assert boleto.mod11(digits) == digit
    made = boleto.build("341", None, None, f"{last_digits:025d}")
    assert made.barcode[4] == digit
    assert boleto.parse(made.line, date(2026, 11, 18)) == made


def test_a_boleto_is_valid_near_its_reference_alone():
    assert boleto.is_valid(SAMPLE_LINE, date(2018, 6, 1))
    assert boleto.is_valid(SAMPLE_BARCODE, date(2008, 1, 1))
    assert not boleto.is_valid(SAMPLE_LINE, date(2026, 11, 18))


def test_no_boleto_is_valid_without_a_text():
    assert not boleto.is_valid(None, date(2026, 1, 1))
    assert not boleto.is_valid("", date(2026, 1, 1))


def test_an_amount_of_zero_is_none():
    assert boleto.build("341", None, Decimal("0.00"), "1" * 25).amount is None


def test_a_factor_below_1000_is_of_the_first_cycle_alone():
    assert boleto.date_of_factor(999, date(2000, 7, 2)) == date(2000, 7, 2)
    with pytest.raises(boleto.UnknownDueDate, match="^due-date factor 0999 means no date"):
        boleto.date_of_factor(999, date(2026, 11, 18))


boletos = st.builds(
    boleto.build,
    st.integers(1, 799).map("{:03d}".format),
    st.dates(date(2024, 1, 1), date(2030, 12, 31)),
    st.integers(1, 10**10 - 1).map(lambda cents: Decimal(cents).scaleb(-2)),
    st.text("0123456789", min_size=25, max_size=25),
)


@given(boletos)
def test_what_was_built_is_read_back(made):
    assert boleto.parse(made.line, date(2026, 11, 18)) == made
    assert boleto.parse(made.barcode, date(2026, 11, 18)) == made
    assert boleto.parse(boleto.format_line(made.line), date(2026, 11, 18)) == made


@given(boletos, st.integers(0, 46), st.integers(1, 9))
def test_one_wrong_digit_never_passes_as_the_same_boleto(made, position, shift):
    """Mod 10 and mod 11 find every single wrong digit, but for the mod 11 results that share the
    digit 1.
    """
    line = made.line
    wrong = line[:position] + str((int(line[position]) + shift) % 10) + line[position + 1 :]
    if boleto.is_valid(wrong, date(2026, 11, 18)):
        assert 32 < position < 47 and line[32] == "1"


@given(
    st.dates(date(2000, 7, 3), date(2060, 12, 31)),
    st.integers(-boleto.DAYS_BACK, boleto.DAYS_AHEAD),
)
def test_a_factor_means_the_one_date_near_the_reference(reference, days):
    due_date = reference + timedelta(days=days)
    if due_date > boleto.BASE:
        factor = boleto.due_date_factor(due_date)
        assert 1 <= factor <= 9999
        assert boleto.date_of_factor(factor, reference) == due_date
