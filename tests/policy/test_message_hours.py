"""Message hours: every wrong row is refused with its line."""

import pytest

from policy.config_edits import append, problems

MISTAKES = {
    "hours backwards": (
        "BA;email;weekday;19:00;18:00;law;2026-01-01",
        "the window ends before it starts",
    ),
    "hours of no hour": (
        "BA;email;weekday;09:00;09:00;law;2026-01-01",
        "the window ends before it starts",
    ),
    "hours of the telephone": (
        "BA;phone;weekday;09:00;18:00;law;2026-01-01",
        "channel: 'phone' is unknown",
    ),
}


@pytest.mark.parametrize(("row", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, row, message):
    line = append(settings, "message_hours.csv", row)
    assert problems(settings)[0].startswith(f"message_hours.csv:{line}: {message}")


def test_one_window_for_a_state_channel_and_kind_of_day(settings):
    line = append(settings, "message_hours.csv", *["BA;sms;weekday;09:00;18:00;law;2026-01-01"] * 2)
    assert problems(settings) == [
        (
            f"message_hours.csv:{line}: state, channel and kind of day 'BA sms weekday' is "
            f"already on "
            f"line {line - 1}; keep one of them."
        )
    ]
