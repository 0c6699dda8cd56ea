"""Ranking: every mistake refused with its line, and the defaults where there is no file."""

import pytest

from cobranca.policy import load_policy
from policy.config_edits import DAY, change, problems

RANKING_MISTAKES = {
    "no weight": ("own: 2 ", "own: 0 ", "weights.own: 0 is out of range"),
    "too many points": ("over_7: 50 ", "over_7: 500 ", "costs.over_7: 500 is out"),
    "an unknown class": (
        "known_from: 3 ",
        "known: 3 ",
        "'classes.known' is not a known setting",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), RANKING_MISTAKES.values(), ids=RANKING_MISTAKES)
def test_wrong_weights_are_refused_with_their_line(settings, old, new, message):
    text = (settings.config / "ranking.yml").read_text(encoding="utf-8")
    line = text[: text.index(old)].count("\n") + 1
    change(settings, "ranking.yml", old, new)
    assert problems(settings)[0].startswith(f"ranking.yml:{line}: {message}")


def test_a_folder_of_before_there_was_a_ranking_follows_the_defaults(settings):
    whole = load_policy(settings.config, DAY)
    (settings.config / "ranking.yml").unlink()
    policy = load_policy(settings.config, DAY)
    assert policy.ranking == whole.ranking
    assert "ranking.yml" not in policy.fingerprints
