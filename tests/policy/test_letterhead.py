"""Logo and colour of letters: what can be shown, and what is refused with its line."""

import pytest

from cobranca.policy import load_policy
from cobranca.policy.letterhead import LARGEST_LOGO, parse_color, read_logo
from cobranca.schema import PRINCIPAL
from pictures import png
from policy.config_edits import DAY, change, problems


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((480, 120), (160, 40)),
        ((40, 40), (40, 40)),
        ((20, 10), (80, 40)),
        ((2800, 40), (280, 4)),
        ((9000, 1), (280, 1)),
        ((1, 9000), (1, 40)),
    ],
)
def test_a_logo_is_shown_whole_within_its_place(tmp_path, size, shown):
    (tmp_path / "logo.png").write_bytes(png(*size))
    logo = read_logo(tmp_path / "logo.png")
    assert (logo.width, logo.height) == shown
    assert logo.content == png(*size) and "PNG" not in repr(logo)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is no PNG picture"),
        (b"GIF89a" + bytes(100), "is no PNG picture"),
        (png(4, 4)[:30], "is no PNG picture"),
        (png(0, 4), "is an empty picture"),
        (png(4, 0), "is an empty picture"),
        (png(4, 4, filler=LARGEST_LOGO), "bytes, and each letter carries it"),
    ],
)
def test_what_no_letter_can_show_is_refused_with_its_line(settings, content, problem):
    if content is not None:
        (settings.config / "logo.png").write_bytes(content)
    change(settings, "creditor.yml", "logo: null", "logo: logo.png")
    (found,) = problems(settings)
    text = (settings.config / "creditor.yml").read_text(encoding="utf-8").splitlines()
    line = text.index("logo: logo.png") + 1
    assert found.startswith(f"creditor.yml:{line}: the logo 'logo.png' ") and problem in found
    assert "; put a PNG of at most 30,000 bytes next to creditor.yml" in found


def test_a_logo_of_the_largest_size_is_taken(settings):
    room = LARGEST_LOGO - len(png(4, 4))
    (settings.config / "logo.png").write_bytes(png(4, 4, filler=room))
    change(settings, "creditor.yml", "logo: null", "logo: logo.png")
    assert load_policy(settings.config, DAY).creditors[PRINCIPAL].picture is not None


def test_a_logo_lies_next_to_its_file(settings):
    change(settings, "creditor.yml", "logo: null", "logo: ../logo.png")
    (found,) = problems(settings)
    assert "the logo '../logo.png' lies in another folder" in found


@pytest.mark.parametrize(
    ("color", "read"), [("#0b5f58", "#0b5f58"), ("#767676", "#767676"), ("#7A2E12", "#7a2e12")]
)
def test_a_color_on_which_white_can_be_read_is_taken(color, read):
    """The grey is the lightest with a contrast of 4.5 (WCAG 2.2)."""
    assert parse_color(color) == read


@pytest.mark.parametrize(
    ("color", "problem"),
    [
        ("#777777", "white text on it has a contrast of 4.48, and 4.5 is needed"),
        ("#ffffff", "white text on it has a contrast of 1.00"),
        ("#ffd500", "white text on it has a contrast of 1.42"),
        ("red", "not a colour"),
        ("#fff", "not a colour"),
        ("#0b5f58;", "not a colour"),
    ],
)
def test_any_other_color_is_refused_with_its_line(settings, color, problem):
    change(settings, "creditor.yml", "color: null", f'color: "{color}"')
    (found,) = problems(settings)
    assert found.startswith("creditor.yml:") and f"color: {problem}" in found
