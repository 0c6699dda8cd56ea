"""A creditor's file may have a régua, limits and negotiation limits of its own."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from cobranca.policy import load_policy
from cobranca.policy.limits import CreditorLimits, Limits
from cobranca.policy.publish import policy_tables
from creditor_files import make_group
from policy.config_edits import DAY, problems

REGUA = """
regua:
  segments: [empresas]
  versions:
    - version: "atacado-1"
      effective_from: 2026-11-01
      steps:
        "*":
          - {offset: 2, channel: email, template: first_notice, entry: true}
          - {offset: 9, channel: phone, template: call}
        empresas:
          - {offset: 5, channel: email, template: first_notice, entry: true}
"""
LIMITS = """
limits:
  minimum_amount: 20.00
  default_monthly_interest_rate: null
"""
NEGOTIATION = """
negotiation:
  - {level: "*", from_day: 1, max_discount_rate: "2 %", max_installments: 2}
"""


@pytest.fixture
def group(settings):
    """The settings of a configuration with two creditors, each in a file of its own."""
    make_group(settings.config)
    return settings


def give(group, text):
    """Add to the file of ``atacado``; returns the line on which it begins."""
    path = group.config / "creditors" / "atacado.yml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before + text, encoding="utf-8")
    return before.count("\n") + 2


def tables(group, day=DAY):
    return policy_tables(load_policy(group.config, day))


def reguas(group, day=DAY):
    found = {}
    for row in tables(group, day)["policy_steps"]:
        found.setdefault(row["segment"], []).append((row["policy_version"], row["step"]))
    return found


def test_a_creditor_without_anything_of_its_own_follows_the_group(group):
    found = tables(group)
    assert not any("/" in row["segment"] for row in found["policy_steps"])
    whole, atacado, varejo = found["policy_limits"]
    assert [row["only_creditor"] for row in (whole, atacado, varejo)] == [
        None,
        "atacado",
        "varejo",
    ]
    assert whole == {**atacado, "only_creditor": None} == {**varejo, "only_creditor": None}
    assert {row["only_creditor"] for row in found["policy_negotiation"]} == {None}


def test_a_regua_of_its_own_stands_beside_the_group_s(group):
    give(group, REGUA)
    found = reguas(group)
    assert found["atacado/*"] == [("atacado-1", "d+2"), ("atacado-1", "d+9")]
    assert found["atacado/empresas"] == [("atacado-1", "d+5")]
    assert ("2026-01", "d+10") in found["*"]
    versions = {
        row["only_creditor"]: row["policy_version"] for row in tables(group)["policy_limits"]
    }
    assert versions == {None: "2026-01", "atacado": "atacado-1", "varejo": "2026-01"}


@pytest.mark.parametrize(("days", "is_own"), [(-1, False), (0, True), (1, True)])
def test_the_group_s_regua_holds_until_its_own_begins(group, days, is_own):
    give(group, REGUA)
    day = date(2026, 11, 1) + timedelta(days)
    assert ("atacado/*" in reguas(group, day)) == is_own
    policy = load_policy(group.config, day)
    assert policy.regua_of("atacado").version == ("atacado-1" if is_own else "2026-01")
    assert policy.regua_of("varejo").version == "2026-01"


def test_limits_differ_only_where_its_file_says_so(group):
    give(group, LIMITS)
    policy = load_policy(group.config, DAY)
    own, of_group = policy.limits_of("atacado"), policy.limits
    assert (own.minimum_amount, own.default_monthly_interest_rate) == (Decimal(20), None)
    assert of_group.minimum_amount == 5 and of_group.default_monthly_interest_rate is not None
    changed = {"minimum_amount", "default_monthly_interest_rate"}
    assert own.model_dump(exclude=changed) == of_group.model_dump(exclude=changed)
    assert policy.limits_of("varejo") == policy.limits_of("of_last_year") == of_group


def test_each_limit_of_a_creditor_reaches_the_models():
    """One that were left out of the table would be read and not followed."""
    from cobranca.schema import POLICY

    names = set(CreditorLimits.model_fields)
    assert names < set(Limits.model_fields) and names < set(POLICY["policy_limits"].names)


def test_its_negotiation_replaces_the_group_s(group):
    give(group, NEGOTIATION)
    own = [row for row in tables(group)["policy_negotiation"] if row["only_creditor"]]
    assert own == [
        {
            "only_creditor": "atacado",
            "level": "*",
            "from_day": 1,
            "to_day": None,
            "max_discount_rate": Decimal("0.02"),
            "max_installments": 2,
        }
    ]


def test_an_exception_may_name_a_creditor_s_regua(group):
    give(group, REGUA)
    with (group.config / "overrides.csv").open("a", encoding="utf-8") as file:
        file.write("customer;erp;9;atacado/empresas;d+5;;combinado;maria;2026-11-01;\n")
    load_policy(group.config, DAY)


@pytest.mark.parametrize(
    ("given", "line", "told"),
    [
        pytest.param(
            REGUA.replace("offset: 9", "offset: 40"),
            9,
            "gap of 38 days between d+2 and d+40; add a step between them",
            id="a gap in its régua",
        ),
        pytest.param(
            REGUA.replace("[empresas]", "[]"),
            10,
            "unknown segment 'empresas'; list it under 'segments:'",
            id="a segment that it does not list",
        ),
        pytest.param(
            REGUA.replace("template: call}", "template: nothing}"),
            9,
            "regua.versions.0.steps.*.1.template: 'nothing' is unknown",
            id="an unknown template",
        ),
        pytest.param(
            LIMITS + "  consumer_fine_cap: '3 %'\n",
            4,
            "the fine of consumers is above the legal 2 %",
            id="an unlawful fine",
        ),
        pytest.param(
            LIMITS + "  default_fine_rate: '30 %'\n",
            4,
            "default_fine_rate is above largest_fine_rate; use at most 20 %",
            id="a fine above the group's largest",
        ),
        pytest.param(
            LIMITS + "  maximum_per_7_days: 5\n",
            4,
            "'limits.maximum_per_7_days' is not a known setting; use: minimum_amount, ",
            id="a limit of the person",
        ),
        pytest.param(
            NEGOTIATION.replace('"*"', "chefe"),
            2,
            "no agent has the level 'chefe'",
            id="a level that no agent has",
        ),
        pytest.param(
            NEGOTIATION
            + '  - {level: "*", from_day: 9, max_discount_rate: 0, max_installments: 1}\n',
            3,
            "the band overlaps the one on line",
            id="bands that overlap",
        ),
        pytest.param(
            NEGOTIATION.replace("2 %", "200 %"),
            2,
            "200 % is not between 0 % and 100 %",
            id="a discount above everything",
        ),
    ],
)
def test_what_is_wrong_is_refused_at_its_line(group, given, line, told):
    begins = give(group, given)
    (problem,) = problems(group)
    assert problem.startswith(f"creditors/atacado.yml:{begins + line - 1}: ")
    assert told in problem


def test_a_segment_of_the_group_cannot_be_taken_for_a_creditor_s_regua(group):
    path = group.config / "regua.yml"
    text = path.read_text(encoding="utf-8")
    own = (
        "      atacado/x:\n"
        "        - {offset: 1, channel: email, template: first_notice, entry: true}\n"
    )
    text = text.replace("segments: [", "segments: [atacado/x, ").replace(
        '      "*":\n', own + '      "*":\n'
    )
    path.write_text(text, encoding="utf-8")
    load_policy(group.config, DAY)
    line = give(group, REGUA)
    (problem,) = problems(group)
    assert problem.startswith(f"creditors/atacado.yml:{line}: the segment 'atacado/x' of regua.yml")


def test_an_offer_of_its_own_regua_needs_its_own_words(group):
    path = group.config / "creditors" / "atacado.yml"
    text = path.read_text(encoding="utf-8")
    begin = text.index("offer_options:")
    end = text.index("\n\n", begin)
    path.write_text(text[:begin] + text[end:], encoding="utf-8")
    load_policy(group.config, DAY)
    give(
        group,
        REGUA.replace(
            "template: first_notice, entry: true}\n          - {offset: 9",
            "template: offer, entry: true}\n          - {offset: 9",
        ),
    )
    (problem,) = problems(group)
    assert "offer_options is empty, and the régua sends the template 'offer' at d+2" in problem
