"""Bands: every mistake refused with its line, and the defaults where there is no file."""

import pytest

from cobranca.policy import load_policy
from cobranca.policy.bands import band_rows
from policy.config_edits import DAY, change, problems

OLDEST = '- {recovery: "5 %"}'
BAND_MISTAKES = {
    "a band that ends too soon": (
        "last_day: 60",
        "last_day: 30",
        "band 2 does not end after the one before it; give it a last_day above 30",
    ),
    "a band without an end": (
        "last_day: 30, ",
        "",
        "band 1 does not end after the one before it; give it a last_day above 0",
    ),
    "an oldest band with an end": (
        OLDEST,
        OLDEST.replace("{", "{last_day: 365, "),
        "the oldest band has an end; take its last_day out",
    ),
    "a part of a per cent": ("45 %", "45,5 %", "bands.1.recovery: not a whole"),
    "more than all": ("85 %", "185 %", "bands.0.recovery: 185 % is not between"),
    "more bands than colours": (
        OLDEST,
        f"- {{last_day: 365, recovery: 8 %}}\n  {OLDEST}",
        "bands: not valid; tuple should have at most 5 items",
    ),
    "an unknown setting of bands": (
        "recovery_before_due:",
        "recovery_before:",
        "'recovery_before' is not a known setting",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), BAND_MISTAKES.values(), ids=BAND_MISTAKES)
def test_wrong_bands_are_refused_with_their_line(settings, old, new, message):
    text = (settings.config / "bands.yml").read_text(encoding="utf-8")
    # what is wrong with the whole list is said at its beginning
    wrong = "\nbands:" if message.startswith("bands: ") else old
    line = text[: text.index(wrong)].count("\n") + (2 if wrong.startswith("\n") else 1)
    change(settings, "bands.yml", old, new)
    assert problems(settings)[0].startswith(f"bands.yml:{line}: {message}")


def test_a_folder_of_before_there_were_bands_follows_the_defaults(settings):
    whole = load_policy(settings.config, DAY)
    (settings.config / "bands.yml").unlink()
    policy = load_policy(settings.config, DAY)
    assert policy.bands == whole.bands
    assert "bands.yml" not in policy.fingerprints


def test_only_the_first_band_has_calls_kept_for_it(settings):
    change(settings, "bands.yml", 'first_band_calls: "30 %"', 'first_band_calls: "45 %"')
    rows = band_rows(load_policy(settings.config, DAY).bands)
    assert [row["guaranteed_percent"] for row in rows] == [0, 45, 0, 0, 0, 0]
