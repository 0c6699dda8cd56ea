"""The manager's files: the default ones are good, and every mistake is refused with its file, line and cure."""

import re
from datetime import date
from decimal import Decimal

import pytest

from cobranca.errors import ConfigError
from cobranca.policy import load_policy

DAY = date(2026, 11, 18)
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


def write(settings, name, text):
    (settings.config / name).write_text(text, encoding="utf-8")


def change(settings, name, old, new):
    text = (settings.config / name).read_text(encoding="utf-8")
    assert old in text
    write(settings, name, text.replace(old, new, 1))


def append(settings, name, *lines):
    path = settings.config / name
    path.write_text(path.read_text(encoding="utf-8") + "\n".join(lines) + "\n", encoding="utf-8")
    return len(path.read_text(encoding="utf-8").splitlines())


def problems(settings, day=DAY) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load_policy(settings.config, day)
    assert error.value.exit_code == 2
    return [line.replace(f"{settings.config}/", "") for line in str(error.value).splitlines()]


def test_the_default_files_are_in_force(settings):
    policy = load_policy(settings.config, DAY)
    steps = policy.regua.steps_of("anything")
    assert [step.name for step in steps][:7] == ["d-3", "d0", "d+1", "d+3", "d+5", "d+7", "d+10"]
    assert all("pontual" not in step.only_classes and step.only_classes for step in steps if step.offset <= 0)
    assert [step.channel for step in steps if step.offset in (1, 3, 5, 7, 10)] == ["email", "email", "email", "phone", "phone"]
    assert {step.name for step in steps if step.entry} >= {"d+1", "d+10", "d+95"}
    assert steps[-1].offset == 180
    assert (policy.limits.minimum_interval_days, policy.limits.maximum_per_7_days, policy.limits.maximum_per_30_days) == (2, 3, 8)
    assert policy.limits.minimum_amount == Decimal("5.00")
    assert (policy.limits.default_fine_rate, policy.limits.default_monthly_interest_rate) == (Decimal("0.02"), Decimal("0.01"))
    assert policy.limits.arrivals.maximum_quarantine_share == Decimal("0.05")
    assert (policy.limits.volume.maximum_messages, policy.limits.email_window.ends.hour) == (5000, 20)
    assert len(policy.agents) == 5 and len(policy.outcome_codes) == 12
    assert any(hours.state == "BR" for hours in policy.calling_hours)
    assert "example.com.br" in policy.creditor.sender_email
    assert policy.creditor.full_address.endswith("São Paulo/SP – CEP 01000-000")
    assert set(policy.fingerprints) == {path.name for path in settings.config.iterdir() if path.is_file()}


def test_no_float_comes_out_of_the_files(settings):
    change(settings, "limits.yml", 'default_fine_rate: "2 %"', "default_fine_rate: 0.015")
    limits = load_policy(settings.config, DAY).limits
    assert limits.default_fine_rate == Decimal("0.015") and isinstance(limits.minimum_amount, Decimal)


@pytest.mark.parametrize(("day", "version"), [("2026-01-01", "A"), ("2026-06-30", "A"), ("2026-07-01", "B"), ("2027-01-01", "B")])
def test_the_version_in_force_is_the_latest_that_has_begun(settings, day, version):
    later = SMALL_REGUA.split("versions:\n")[1].replace("version: A", "version: B").replace("2026-01-01", "2026-07-01")
    write(settings, "regua.yml", SMALL_REGUA.replace("versions:\n", "versions:\n" + later))
    assert load_policy(settings.config, date.fromisoformat(day)).version == version


def test_a_date_before_every_version_is_refused(settings):
    write(settings, "regua.yml", SMALL_REGUA)
    assert problems(settings, date(2025, 12, 31)) == [
        "regua.yml:2: no version is in force on 2025-12-31; give one an effective_from on or before that date."
    ]


def test_a_segment_has_its_own_regua_or_the_general_one(settings):
    own = SMALL_REGUA + "      varejo:\n        - {offset: 2, channel: email, template: first_notice, entry: true}\n"
    write(settings, "regua.yml", own)
    regua = load_policy(settings.config, DAY).regua
    assert [step.name for step in regua.steps_of("varejo")] == ["d+2"]
    assert regua.steps_of("empresas") == regua.steps_of(None) == regua.steps["*"]


def test_a_proposal_without_conditions_is_refused_before_the_night(settings):
    change(
        settings,
        "regua.yml",
        "offset: 20, channel: email, template: second_notice",
        "offset: 20, channel: email, template: offer",
    )
    assert "d+20" in {step.name for step in load_policy(settings.config, DAY).regua.steps["*"] if step.template == "offer"}
    text = (settings.config / "creditor.yml").read_text(encoding="utf-8")
    write(settings, "creditor.yml", re.sub(r"offer_options:\n(  - .*\n)+", "", text))
    assert any(
        line.startswith("creditor.yml:1: offer_options is empty, and the régua sends the template 'offer' at d+20; write what")
        for line in problems(settings)
    )


REGUA_MISTAKES = {
    "gap": ("offset: 7,", "offset: 17,", "regua.yml:10: gap of 16 days between d+1 and d+17; add a step between them"),
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
        "regua.yml:10: versions.0.steps.*.2.channel: 'fax' is unknown; use one of: 'email', 'whatsapp', 'sms' or 'phone'",
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
        "regua.yml:7: unknown segment 'atacado'; list it under 'segments:' at the top or use one of: varejo",
    ),
    "no general": ('"*":', "varejo:", "regua.yml:6: version A has no régua '*'"),
    "script by e-mail": ("channel: phone", "channel: email", "regua.yml:10: template 'call' does not belong to channel 'email'"),
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
        "regua.yml:9: step d+1 is a legal notice and has a hold-out group; everybody must get a legal notice",
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
    "script by whatsapp": (
        "channel: phone",
        "channel: whatsapp",
        "regua.yml:10: template 'call' does not belong to channel 'whatsapp'",
    ),
    "slash in a version": ("version: A", "version: 2026/1", "regua.yml:3: versions.0.version: not valid"),
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


def test_versions_of_one_name_or_one_date_are_refused(settings):
    write(settings, "regua.yml", SMALL_REGUA + SMALL_REGUA.split("versions:\n")[1])
    assert problems(settings) == [
        "regua.yml:11: version 'A' is already on line 3; keep one of them.",
        "regua.yml:12: effective_from '2026-01-01' is already on line 4; keep one of them.",
    ]


LIMIT_MISTAKES = {
    "over 100 %": (
        'promise_kept_share: "95 %"',
        'promise_kept_share: "195 %"',
        "promise_kept_share: 195 % is not between 0 % and 100 %",
    ),
    "fraction over 1": ('holdout_share: "0 %"', "holdout_share: 1.5", "holdout_share: 150 % is not between 0 % and 100 %"),
    "nested": (
        'maximum_quarantine_share: "5 %"',
        "maximum_quarantine_share: 5",
        "arrivals.maximum_quarantine_share: 500 % is not between",
    ),
    "negative interval": (
        "minimum_interval_days: 2",
        "minimum_interval_days: -2",
        "minimum_interval_days: -2 is out of range; it must be at least 0",
    ),
    "half a day": (
        "minimum_interval_days: 2",
        "minimum_interval_days: 2.5",
        "minimum_interval_days: '2.5' is not a number of the right kind",
    ),
    "month below week": (
        "maximum_per_30_days: 8",
        "maximum_per_30_days: 2",
        "maximum_per_30_days is below maximum_per_7_days; use at least 3",
    ),
    "illegal fine": ('consumer_fine_cap: "2 %"', 'consumer_fine_cap: "10 %"', "the fine of consumers is above the legal 2 %"),
    "unknown": ("minimum_amount: 5.00", "minimum_ammount: 5.00", "'minimum_ammount' is not a known setting"),
    "start of interest": (
        "interest_start_consumer: effective_due",
        "interest_start_consumer: someday",
        "interest_start_consumer: 'someday' is unknown",
    ),
    "no time": ('starts: "08:00"', 'starts: "8h"', "email_window.starts: not a time of day"),
    "window upside down": ('starts: "08:00"', 'starts: "21:00"', "email_window ends before it starts"),
    "not a rate": ('holdout_share: "0 %"', "holdout_share: few", "holdout_share: not a rate"),
    "endless": ('holdout_share: "0 %"', "holdout_share: .inf", "holdout_share: "),
}


@pytest.mark.parametrize(("old", "new", "message"), LIMIT_MISTAKES.values(), ids=LIMIT_MISTAKES)
def test_a_wrong_limit_is_refused_with_its_line(settings, old, new, message):
    lines = (settings.config / "limits.yml").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if old in text)
    change(settings, "limits.yml", old, new)
    assert problems(settings)[0].startswith(f"limits.yml:{line}: {message}")


CSV_MISTAKES = {
    "hold without reason": ("holds.csv", "customer;erp;77;;maria;2026-11-01;", "'reason' is empty; fill it in"),
    "hold without author": ("holds.csv", "customer;erp;77;dispute;;2026-11-01;", "'author' is empty; fill it in"),
    "hold of unknown reason": ("holds.csv", "customer;erp;77;because;maria;2026-11-01;", "reason: 'because' is unknown"),
    "hold backwards": ("holds.csv", "customer;erp;77;dispute;maria;2026-11-05;2026-11-01", "the hold expires before it starts"),
    "hold of a planet": ("holds.csv", "planet;erp;77;dispute;maria;2026-11-01;", "scope: 'planet' is unknown"),
    "hold on no day": ("holds.csv", "customer;erp;77;dispute;maria;01/11/2026;", "starts_on: not a date"),
    "overlapping bands": (
        "negotiation.csv",
        "*;90;120;10 %;6",
        "the band overlaps the one on line 6 for level '*'; let one end on the day before the other starts",
    ),
    "band backwards": ("negotiation.csv", "senior;30;10;10 %;6", "the band ends before it starts"),
    "band beyond 100 %": ("negotiation.csv", "senior;1;10;101 %;6", "max_discount_rate: 101 % is not between"),
    "band of an unknown level": (
        "negotiation.csv",
        "mestre;1;10;10 %;6",
        "no agent has the level 'mestre'; use one of: *, junior, pleno, senior",
    ),
    "override without reason": ("overrides.csv", "customer;erp;77;*;;;;maria;2026-11-01;", "'reason' is empty; fill it in"),
    "override without author": ("overrides.csv", "customer;erp;77;*;;;combinado;;2026-11-01;", "'author' is empty; fill it in"),
    "override to an unknown régua": (
        "overrides.csv",
        "customer;erp;77;vip;;;combinado;maria;2026-11-01;",
        "version 2026-01 has no régua 'vip'; use one of: *, none",
    ),
    "override to an unknown step": (
        "overrides.csv",
        "customer;erp;77;*;d+11;;combinado;maria;2026-11-01;",
        "last_step: the régua '*' of version 2026-01 has no step d+11; use one of: d-3, d0, d+1",
    ),
    "override to something that is no step": (
        "overrides.csv",
        "customer;erp;77;*;eleven;;combinado;maria;2026-11-01;",
        "last_step: not the name of a step; write it as d-3, d0 or d+10",
    ),
    "override to none with a step": (
        "overrides.csv",
        "customer;erp;77;none;;d+5;combinado;maria;2026-11-01;",
        "goes_on_after is given, but the régua is 'none'; leave goes_on_after empty or name a régua",
    ),
    "override backwards": (
        "overrides.csv",
        "customer;erp;77;*;;;combinado;maria;2026-11-05;2026-11-01",
        "the override expires before it starts",
    ),
    "duplicate agent": ("agents.csv", "ana;Ana;senior;1;;0.1;1", "agent 'ana' is already on line 5"),
    "agent of unknown UF": ("agents.csv", "zeca;Zeca;senior;1;SP XX;0.1;1", "states.1: unknown UF 'XX'; use one of: AC, AL"),
    "agent beyond 100 %": ("agents.csv", "zeca;Zeca;senior;1;SP;110 %;1", "max_discount_rate: 110 % is not between"),
    "agent named as the reserve": ("agents.csv", "reserva;Reserva;senior;1;SP;0.1;1", "'reserva' is the name of the list"),
    "agent with a negative capacity": ("agents.csv", "zeca;Zeca;senior;-1;SP;0.1;1", "daily_capacity: -1 is out of range"),
    "too few values": ("agents.csv", "zeca;Zeca;senior", "3 values for 7 columns; separate them with ';'"),
    "hours of unknown UF": ("calling_hours.csv", "ZZ;weekday;09:00;18:00;law;2026-01-01", "state: unknown UF 'ZZ'"),
    "hours twice": (
        "calling_hours.csv",
        "SP;weekday;09:00;18:00;law;2026-01-01",
        "state and kind of day 'SP weekday' is already",
    ),
    "hours backwards": ("calling_hours.csv", "BA;weekday;19:00;18:00;law;2026-01-01", "the window ends before it starts"),
    "hours at 25": ("calling_hours.csv", "BA;weekday;09:00;25:00;law;2026-01-01", "ends_at: not a time of day"),
    "hours without a law": ("calling_hours.csv", "BA;weekday;09:00;18:00;;2026-01-01", "'legal_source' is empty"),
    "code of unknown effect": ("outcome_codes.csv", "X;x;sim;sim;magic;0", "effect: 'magic' is unknown"),
    "code twice": ("outcome_codes.csv", "RECADO;x;sim;sim;none;0", "code 'RECADO' is already on line"),
    "code neither yes nor no": ("outcome_codes.csv", "X;x;talvez;sim;none;0", "is_effective_contact: neither yes nor no"),
    "code without contact": ("outcome_codes.csv", "X;x;não;sim;none;0", "X reached the customer but nobody"),
    "rate in per cent": ("legal_rates.csv", "2026-01-01;0.6;s;2026-01-01", "60 % a month; check the decimal point"),
    "negative rate": ("legal_rates.csv", "2026-01-01;-0.001;s;2026-01-01", "monthly_rate: -0.1 % is not between"),
    "rate of a day": ("legal_rates.csv", "2026-01-15;0.006;s;2026-01-15", "month 2026-01-15 is not the first of a month"),
    "month left out": ("legal_rates.csv", "2026-02-01;0.006;s;2026-01-01", "no rate between 2025-12 and 2026-02; add the months"),
    "month before the law": ("legal_rates.csv", "2024-07-01;0.006;s;2026-01-01", "the taxa legal exists since August 2024"),
    "month twice": ("legal_rates.csv", "2025-12-01;0.006;s;2026-01-01", "month '2025-12-01' is already on line"),
    "holiday twice": ("extra_holidays.csv", "12-24;Véspera;;;bank;;", "day '12-24' is already on line"),
    "holiday without name": ("extra_holidays.csv", "2026-12-23;;;;contact;;", "'name' is empty"),
    "impossible holiday": ("extra_holidays.csv", "02-30;Feriado;;;bank;;", "day: not a day"),
    "holiday beyond the calendar": (
        "extra_holidays.csv",
        "2079-01-02;Feriado;;;bank;;",
        "day 2079-01-02 is outside the calendar",
    ),
    "city without state": ("extra_holidays.csv", "08-15;Padroeira;;Santos;bank;;", "a city is given without its state"),
    "unknown state of a holiday": ("extra_holidays.csv", "08-15;Padroeira;XX;;bank;;", "state: unknown UF 'XX'"),
    "unknown kind of holiday": ("extra_holidays.csv", "08-15;Padroeira;SP;;closed;;", "kind: 'closed' is unknown"),
    "waiver without a reason": ("waivers.csv", "erp;1;fine;;;;maria;2026-11-01", "'reason' is empty"),
    "waiver of too much": ("waivers.csv", "erp;1;fine;;120 %;acordo;maria;2026-11-01", "share: 120 % is not between"),
    "waiver of an amount and a share": (
        "waivers.csv",
        "erp;1;all;10,00;50 %;acordo;maria;2026-11-01",
        "a waiver has an amount and a share",
    ),
    "waiver of nothing": ("waivers.csv", "erp;1;all;0,00;;acordo;maria;2026-11-01", "the waiver waives nothing"),
}


@pytest.mark.parametrize(("name", "row", "message"), CSV_MISTAKES.values(), ids=CSV_MISTAKES)
def test_a_wrong_row_is_refused_with_its_line(settings, name, row, message):
    line = append(settings, name, row)
    assert problems(settings)[0].startswith(f"{name}:{line}: {message}")


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (("2026-11-01", ""), ("2026-11-10", ""), True),
        (("2026-11-01", "2026-11-10"), ("2026-11-10", ""), True),
        (("2026-11-10", ""), ("2026-11-01", "2026-11-09"), False),
        (("2026-11-10", ""), ("2026-11-01", "2026-11-10"), True),
        (("2026-11-01", "2026-11-09"), ("2026-11-10", "2026-11-12"), False),
    ],
)
def test_two_overrides_are_never_in_force_on_one_day(settings, first, second, overlap):
    rows = [f"receivable;erp;11144477735;*;;;combinado;maria;{starts};{ends}" for starts, ends in (first, second)]
    line = append(settings, "overrides.csv", *rows, "receivable;billing;11144477735;none;;;outra origem;maria;2026-11-01;") - 1
    if overlap:
        (told,) = problems(settings)
        assert told.startswith(f"overrides.csv:{line}: the override is in force at the same time as the one on line {line - 1};")
        assert "11144477735" not in told
    else:
        assert len(load_policy(settings.config, DAY).overrides) == 3


def test_an_override_of_the_past_may_name_a_regua_that_is_gone(settings):
    append(settings, "overrides.csv", "customer;erp;9;gone;;;combinado;maria;2026-10-01;2026-10-31")
    policy = load_policy(settings.config, DAY)
    assert not policy.overrides[0].applies_on(DAY)
    assert policy.warnings[0].startswith("overrides.csv: 1 override(s) have expired")


def test_all_problems_of_all_files_are_listed_at_once(settings):
    change(settings, "limits.yml", "minimum_interval_days: 2", "minimum_interval_days: -2")
    change(settings, "limits.yml", "maximum_per_7_days: 3", "maximum_per_7_days: 30")
    first = append(settings, "holds.csv", "customer;erp;1;;maria;2026-11-01;", "customer;erp;2;dispute;;2026-11-01;") - 1
    (settings.config / "agents.csv").unlink()
    write(settings, "creditor.yml", "")
    found = [line.split(": ")[0] for line in problems(settings)]
    assert found == [
        "agents.csv:1",
        "creditor.yml:1",
        f"holds.csv:{first}",
        f"holds.csv:{first + 1}",
        "limits.yml:5",
        "limits.yml:6",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("11.222.333/0001-81", "11.222.333/0001-82", "tax_id: not a valid CNPJ or CPF"),
        ("state: SP", "state: São Paulo", "state: unknown UF"),
        ("reply_to: atendimento@example.com.br", "reply_to: atendimento", "reply_to: not an e-mail address"),
        ("https://www", "http://www", "website: not valid"),
        ("address: Rua", "adress: Rua", "'address' is missing"),
    ],
)
def test_a_creditor_that_lacks_a_legal_field_is_refused(settings, old, new, message):
    change(settings, "creditor.yml", old, new)
    found = problems(settings)
    assert any(message in line for line in found)
    assert "0001-82" not in str(found)


def test_headers_are_checked(settings):
    write(settings, "agents.csv", "agent_id;name;nivel\nana;Ana;1\n")
    use = "use: agent_id, name, level, daily_capacity, states, max_discount_rate, max_installments."
    assert problems(settings) == [
        f"agents.csv:1: column 'level' is missing; {use}",
        f"agents.csv:1: unknown column 'nivel'; {use}",
    ]


def test_a_file_in_another_encoding_says_so(settings):
    (settings.config / "agents.csv").write_bytes("agent_id;name\njoão;João\n".encode("latin-1"))
    assert problems(settings) == [
        "agents.csv:1: the file is not UTF-8 text; save it again as 'CSV UTF-8' or as plain UTF-8 text."
    ]


def test_spreadsheet_programs_may_save_the_tables(settings):
    """A byte-order mark, commas for semicolons, quotes, CRLF, other spellings of yes and of rates."""
    text = "agent_id,name,level,daily_capacity,states,max_discount_rate,max_installments\r\n" + (
        'ana,"Moura, Ana",senior,40,"SP RJ","12,5%",10\r\n\r\n# nobody else\r\n'
    )
    (settings.config / "agents.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (agent,) = load_policy(settings.config, DAY).agents
    assert (agent.name, agent.states, agent.max_discount_rate) == ("Moura, Ana", ("SP", "RJ"), Decimal("0.125"))


def test_a_date_that_the_calendar_does_not_reach_is_refused(settings):
    assert "does not reach beyond 2079-01-05" in problems(settings, date(2079, 1, 5))[0]


def test_a_hold_lasts_until_its_last_day(settings):
    append(settings, "holds.csv", "receivable;erp;9;dispute;maria;2026-11-10;2026-11-18")
    (hold,) = load_policy(settings.config, DAY).holds
    assert [hold.holds_on(date(2026, 11, day)) for day in (9, 10, 18, 19)] == [False, True, True, False]


def test_what_deserves_a_word_is_a_warning(settings):
    append(settings, "holds.csv", "customer;erp;9;dispute;maria;2026-11-01;2026-11-10")
    warnings = load_policy(settings.config, DAY).warnings
    assert warnings[0].startswith("holds.csv: 1 hold(s) have expired") and warnings[1].startswith(
        "legal_rates.csv ends at 2025-12"
    )


def test_no_error_shows_a_customer(settings):
    append(
        settings,
        "holds.csv",
        "customer;erp;11144477735;;maria;2026-11-01;",
        *["customer;erp;11144477735;legal;m;2026-11-01;"] * 2,
    )
    assert "11144477735" not in str(problems(settings))


def test_an_old_list_of_holidays_is_still_read(settings):
    path = settings.config / "extra_holidays.csv"
    path.write_text("day;name\n2026-12-24;Véspera de Natal\n")
    (holiday,) = load_policy(settings.config, DAY).extra_holidays
    assert (holiday.place, holiday.closes_banks, list(holiday.days(2000, 2078))) == ("BR", False, [date(2026, 12, 24)])


def test_a_waiver_of_all_stands_alone(settings):
    for row in ("erp;1;all;;;acordo;maria;2026-11-01", "erp;1;fine;;;acordo;maria;2026-11-01"):
        line = append(settings, "waivers.csv", row)
    assert problems(settings)[0].startswith(f"waivers.csv:{line}: all charges of this receivable are waived on line {line - 1}")
