"""The régua: the version in force, and every mistake in its steps refused with its line."""

import re
from datetime import date

import pytest

from cobranca.policy import load_policy
from policy.config_edits import DAY, change, problems, write

SMALL_REGUA = """\
segments: [varejo]
versions:
  - version: A
    effective_from: 2026-01-01
    maximum_gap_days: 10
    steps:
      "*":
        - {offset: -3, channel: email, template: preventive}
        - {offset: 1, channel: email, template: first_notice, entry: true}
        - {offset: 7, channel: phone, template: call}
"""


REGUA_MISTAKES = {
    "gap": (
        "offset: 7,",
        "offset: 17,",
        "regua.yml:10: gap of 16 days between d+1 and d+17; add a step between them",
    ),
    "duplicate": ("offset: 7,", "offset: 1,", "regua.yml:10: step d+1 is written twice"),
    "order": ("offset: 7,", "offset: -2,", "regua.yml:10: step d-2 comes after d+1"),
    "template": (
        "template: first_notice",
        "template: first_notise",
        "regua.yml:9: versions.0.steps.*.1.template: 'first_notise' is unknown; use one of",
    ),
    "channel": (
        "channel: phone",
        "channel: fax",
        (
            "regua.yml:10: versions.0.steps.*.2.channel: 'fax' is unknown; use one of: 'email', "
            "'whatsapp', 'sms' or 'phone'"
        ),
    ),
    "class": (
        "template: preventive",
        "template: preventive, only_classes: [ruim]",
        "regua.yml:8: versions.0.steps.*.0.only_classes.0: 'ruim' is unknown",
    ),
    "class twice": (
        "template: preventive",
        "template: preventive, only_classes: [novo, novo]",
        "regua.yml:8: step d-3 names a class twice",
    ),
    "segment": (
        '"*":',
        "atacado:",
        (
            "regua.yml:7: unknown segment 'atacado'; list it under 'segments:' at the top or use "
            "one "
            "of: varejo"
        ),
    ),
    "no general": ('"*":', "varejo:", "regua.yml:6: version A has no régua '*'"),
    "script by e-mail": (
        "channel: phone",
        "channel: email",
        "regua.yml:10: template 'call' does not belong to channel 'email'",
    ),
    "overdue words too early": (
        "template: preventive",
        "template: last_notice",
        "regua.yml:8: template 'last_notice' at step d-3; use preventive there",
    ),
    "preventive words too late": (
        "template: first_notice",
        "template: due_today",
        "regua.yml:9: template 'due_today' at step d+1; use first_notice",
    ),
    "no entry": (", entry: true", "", "regua.yml:7: no step after the due date is an entry step"),
    "first step too late": (
        "offset: -3, channel: email, template: preventive",
        "offset: 11, channel: email, template: first_notice",
        "regua.yml:8: the first step d+11 leaves 11 days without contact",
    ),
    "unknown setting": (
        "template: preventive",
        "template: preventive, color: red",
        "regua.yml:8: 'versions.0.steps.*.0.color' is not a known setting",
    ),
    "missing setting": (
        "channel: email, template: preventive",
        "template: preventive",
        "regua.yml:8: 'versions.0.steps.*.0.channel' is missing",
    ),
    "negative amount": (
        "template: preventive",
        "template: preventive, minimum_amount: -1",
        "regua.yml:8: versions.0.steps.*.0.minimum_amount: -1 is out of range",
    ),
    "amount of words": (
        "template: preventive",
        "template: preventive, minimum_amount: muito",
        "regua.yml:8: versions.0.steps.*.0.minimum_amount: not an amount",
    ),
    "date": ("2026-01-01", "tomorrow", "regua.yml:4: versions.0.effective_from: not a date"),
    "yaml": ("segments: [varejo]", "segments: [varejo", "regua.yml:2: not valid YAML"),
    "key twice": (
        "    effective_from: 2026-01-01\n",
        "    effective_from: 2026-01-01\n    effective_from: 2026-02-01\n",
        "regua.yml:5: 'effective_from' is written twice; keep one of them",
    ),
    "legal notice held out": (
        "template: first_notice",
        "template: first_notice, legal_notice: true, holdout_share: 5 %",
        (
            "regua.yml:9: step d+1 is a legal notice and has a hold-out group; every payer "
            "must get a legal notice"
        ),
    ),
    "hold-out over 100 %": (
        "template: first_notice",
        "template: first_notice, holdout_share: 105 %",
        "regua.yml:9: versions.0.steps.*.1.holdout_share: 105 % is not between 0 % and 100 %",
    ),
    "share over 100 %": (
        "template: first_notice",
        "template: first_notice, minimum_share: 1.2",
        "regua.yml:9: versions.0.steps.*.1.minimum_share: 120 % is not between 0 % and 100 %",
    ),
    "more than all late": (
        "template: preventive",
        "template: preventive, minimum_late_probability: 60",
        "regua.yml:8: versions.0.steps.*.0.minimum_late_probability: 6000 % is not between 0 % and",
    ),
    "less than none a month late": (
        "template: preventive",
        "template: preventive, maximum_serious_probability: -1 %",
        "regua.yml:8: versions.0.steps.*.0.maximum_serious_probability: -1 % is not between 0 %",
    ),
    "script by whatsapp": (
        "channel: phone",
        "channel: whatsapp",
        "regua.yml:10: template 'call' does not belong to channel 'whatsapp'",
    ),
    "slash in a version": (
        "version: A",
        "version: 2026/1",
        "regua.yml:3: versions.0.version: not valid",
    ),
    "zero gap": (
        "maximum_gap_days: 10",
        "maximum_gap_days: 0",
        "regua.yml:5: versions.0.maximum_gap_days: 0 is out of range; it must be at least 1",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), REGUA_MISTAKES.values(), ids=REGUA_MISTAKES)
def test_a_wrong_regua_is_refused_with_its_line(settings, old, new, message):
    write(settings, "regua.yml", SMALL_REGUA)
    change(settings, "regua.yml", old, new)
    found = problems(settings)
    assert any(line.startswith(message) for line in found), found
    assert all(re.match(r"[a-z_]+\.(yml|csv):\d+: .+; .+\.$", line) for line in found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("offset: 7,", "offset: 11,"),
        (
            "offset: -3, channel: email, template: preventive",
            "offset: 10, channel: sms, template: offer",
        ),
    ],
    ids=["between two steps", "before the first step"],
)
def test_a_gap_may_have_as_many_days_as_allowed(settings, old, new):
    regua = SMALL_REGUA.replace(old, new)
    if "offer" in new:
        regua = regua.replace("offset: 1,", "offset: 12,").replace("offset: 7,", "offset: 20,")
        regua = regua.replace(
            "channel: sms, template: offer", "channel: email, template: last_notice"
        )
    write(settings, "regua.yml", regua)
    assert load_policy(settings.config, DAY).regua.maximum_gap_days == 10


def test_an_entry_lies_after_the_due_date(settings):
    early = SMALL_REGUA.replace(
        "offset: -3, channel: email, template: preventive",
        "offset: 0, channel: email, template: due_today, entry: true",
    )
    write(settings, "regua.yml", early.replace("first_notice, entry: true", "first_notice"))
    assert problems(settings)[0].startswith(
        "regua.yml:7: no step after the due date is an entry step"
    )


def test_versions_of_one_name_or_one_date_are_refused(settings):
    write(settings, "regua.yml", SMALL_REGUA + SMALL_REGUA.split("versions:\n")[1])
    assert problems(settings) == [
        "regua.yml:11: version 'A' is already on line 3; keep one of them.",
        "regua.yml:12: effective_from '2026-01-01' is already on line 4; keep one of them.",
    ]


@pytest.mark.parametrize(
    ("day", "version"),
    [("2026-01-01", "A"), ("2026-06-30", "A"), ("2026-07-01", "B"), ("2027-01-01", "B")],
)
def test_the_version_in_force_is_the_latest_that_has_begun(settings, day, version):
    later = (
        SMALL_REGUA.split("versions:\n")[1]
        .replace("version: A", "version: B")
        .replace("2026-01-01", "2026-07-01")
    )
    write(settings, "regua.yml", SMALL_REGUA.replace("versions:\n", "versions:\n" + later))
    assert load_policy(settings.config, date.fromisoformat(day)).version == version


def test_a_date_before_every_version_is_refused(settings):
    write(settings, "regua.yml", SMALL_REGUA)
    assert problems(settings, date(2025, 12, 31)) == [
        (
            "regua.yml:2: no version is in force on 2025-12-31; give one an effective_from on or "
            "before that date."
        )
    ]


def test_a_segment_has_its_own_regua_or_the_general_one(settings):
    own = SMALL_REGUA + (
        "      varejo:\n        - {offset: 2, channel: email, template: first_notice, entry: "
        "true}\n"
    )
    write(settings, "regua.yml", own)
    regua = load_policy(settings.config, DAY).regua
    assert [step.name for step in regua.steps_of("varejo")] == ["d+2"]
    assert regua.steps_of("empresas") == regua.steps_of(None) == regua.steps["*"]
