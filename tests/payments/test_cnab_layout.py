"""The shipped layouts and occurrence codes are right, and wrong ones are named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from cobranca.errors import ConfigError
from cobranca.payments.cnab_layout import layout_names, read_codes, read_layout
from cobranca.settings import PROJECT_ROOT
from return_files import BANKS


def test_every_layout_is_tried():
    assert sorted(BANKS) == layout_names()


def with_place(place: str):
    """A layout whose field ``paid`` stands there."""
    layout = read_layout("bradesco400")
    return type(layout).model_validate(
        layout.model_dump() | {"fields": {**layout.fields, "paid": place}}
    )


@pytest.mark.parametrize(
    "place", ["D 1-1", "H 1-400", "T 400-400", "U 39-40", "D 109-110", "D 2-2"]
)
def test_a_place_lies_within_the_400_positions(place: str):
    assert with_place(place).fields["paid"] == place


@pytest.mark.parametrize(
    "place",
    ["D 0-5", "D 0-0", "D 1-401", "D 401-401", "D 6-5", "X 1-2", "D 1", "D 1-2 ", "", "D1-2"],
)
def test_any_other_place_is_refused(place: str):
    with pytest.raises(ValidationError, match="write a place as 'D 109-110'"):
        with_place(place)


@pytest.mark.parametrize("bank", ["001", "033", "237", "341", "febraban"])
@pytest.mark.parametrize("length", [240, 400])
def test_shipped_codes_say_what_a_liquidation_is(bank: str, length: int):
    codes = read_codes(PROJECT_ROOT / "include" / "config" / "cnab" / f"{bank}.csv", length)
    if bank == "febraban" and length == 400:
        assert codes == {}
    else:
        assert codes["06"] == "payment" and codes["02"] == "ignored" and codes["09"] == "ignored"


HEAD = "format,code,meaning,kind,source,reviewed_on\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            None,
            (
                "does not exist: nothing says what that bank's occurrence codes mean; write it "
                "with "
                "the columns format,code"
            ),
        ),
        ("format,code\n240,06\n", r"9.csv:2: the columns must be format,code,meaning"),
        (
            HEAD + "240,6,Liquidação,payment,manual,2026-11-21\n",
            ":2: format must be 240 or 400 and code two digits",
        ),
        (
            HEAD + "240,06,Liquidação,paid,manual,2026-11-21\n",
            ":2: kind 'paid' is unknown; use one of: payment",
        ),
        (HEAD + "240,06,Liquidação,payment,,2026-11-21\n", ":2: give the source of the meaning"),
        (
            HEAD + "240,06,Liquidação,payment,manual,ontem\n",
            ":2: give the source of the meaning, and reviewed_on",
        ),
        (
            HEAD + "240,06,A,payment,m,2026-11-21\n240,06,B,ignored,m,2026-11-21\n",
            ":3: code 06 stands there twice",
        ),
    ],
)
def test_a_wrong_file_of_codes_names_the_line(tmp_path: Path, text: str | None, words: str):
    path = tmp_path / "999.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_codes(path, 240)
