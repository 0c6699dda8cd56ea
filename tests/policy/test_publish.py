"""The policy of a night as tables: complete, typed, and the same bytes for the same files."""

from datetime import date
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from cobranca.calendar import is_bank_day
from cobranca.errors import ConfigError
from cobranca.partitions.manifest import read_manifest
from cobranca.policy import publish_policy
from cobranca.schema import POLICY

DAY = date(2026, 11, 18)


def rows(published, name):
    return pq.read_table(published.path(f"{name}.parquet")).to_pylist()


def test_every_table_is_there_with_its_columns(settings):
    published = publish_policy(settings, DAY)
    assert {entry.name for entry in published.files} == {f"{name}.parquet" for name in POLICY}
    for name, schema in POLICY.items():
        table = pq.read_table(published.path(f"{name}.parquet"))
        assert table.schema.equals(schema), name
        assert table.num_rows == published.entry(f"{name}.parquet").rows
    assert read_manifest(settings.folder("landing", DAY, "policy"), verify=True) == published
    assert published.inputs["regua"] == "2026-01" and len(published.inputs["agents.csv"]) == 64


def test_publishing_twice_gives_the_same_batch(settings):
    first = publish_policy(settings, DAY)
    assert publish_policy(settings, DAY) == first


def test_steps_and_limits_say_what_the_files_say(settings):
    published = publish_policy(settings, DAY)
    steps = {row["step"]: row for row in rows(published, "policy_steps")}
    assert steps["d-3"]["only_classes"] == "viciado,irregular,novo"
    assert steps["d+1"]["only_classes"] is None
    gates = [
        (steps[step]["minimum_late_probability"], steps[step]["maximum_serious_probability"])
        for step in ("d-3", "d0", "d+1")
    ]
    assert gates == [(Decimal("0.6"), Decimal("0.1"))] * 2 + [(0, 1)]
    assert (
        steps["d+10"]["channel"],
        steps["d+10"]["minimum_amount"],
        steps["d+10"]["is_entry"],
    ) == (
        "phone",
        Decimal("50.00"),
        True,
    )
    limits = rows(published, "policy_limits")
    assert [row["only_creditor"] for row in limits] == [None, "principal"]
    assert {(row["policy_version"], row["consumer_fine_cap"]) for row in limits} == {
        ("2026-01", Decimal("0.020000"))
    }
    agents = {row["agent_id"]: row for row in rows(published, "policy_agents")}
    assert (agents["carla"]["states"], agents["ana"]["states"]) == ("RJ,ES,MG", None)
    hours = {
        (row["state"], row["day_kind"]): row for row in rows(published, "policy_calling_hours")
    }
    assert hours["SP", "weekday"]["starts_at"] == "08:00"
    everywhere = hours["BR", "weekday"]
    assert (everywhere["starts_at"], everywhere["ends_at"]) == ("09:00", "18:00")


def test_no_agreed_interest_is_null(settings):
    path = settings.config / "limits.yml"
    path.write_text(
        path.read_text().replace(
            'default_monthly_interest_rate: "1 %"', "default_monthly_interest_rate: null"
        )
    )
    assert (
        rows(publish_policy(settings, DAY), "policy_limits")[0]["default_monthly_interest_rate"]
        is None
    )


@pytest.mark.parametrize(
    ("day", "held"), [("2026-11-09", 0), ("2026-11-10", 1), ("2026-11-18", 1), ("2026-11-19", 0)]
)
def test_only_holds_in_force_are_published(settings, day, held):
    with (settings.config / "holds.csv").open("a") as file:
        file.write("customer;erp;9;dispute;maria;2026-11-10;2026-11-18\n")
    assert len(rows(publish_policy(settings, date.fromisoformat(day)), "policy_holds")) == held


def test_the_calendar_has_every_day_and_knows_when_to_rest(settings):
    everywhere = rows(publish_policy(settings, DAY), "policy_calendar")
    calendar = {row["day"]: row for row in everywhere if row["place"] == "BR"}
    assert {row["place"] for row in everywhere} > {"BR", "SP", "SP/SAO PAULO"}
    assert (min(calendar), max(calendar)) == (date(2000, 1, 1), date(2078, 12, 31))
    assert len(calendar) == (date(2079, 1, 1) - date(2000, 1, 1)).days
    contact = [calendar[date(2026, 11, day)]["is_contact_day"] for day in (18, 19, 20, 21, 22, 23)]
    assert contact == [True, True, False, False, False, True]
    eve = calendar[date(2026, 12, 24)]
    assert (eve["is_bank_day"], eve["is_contact_day"], eve["effective_date"]) == (
        True,
        False,
        date(2026, 12, 24),
    )
    assert all(is_bank_day(row["day"]) for row in calendar.values() if row["is_contact_day"])
    assert calendar[date(2026, 9, 5)]["effective_date"] == date(2026, 9, 8)


@pytest.mark.parametrize(
    ("day", "waived"), [("2026-11-09", 0), ("2026-11-10", 1), ("2026-11-11", 1)]
)
def test_a_waiver_counts_from_its_first_day(settings, day, waived):
    with (settings.config / "waivers.csv").open("a") as file:
        file.write("erp;9;all;;50 %;acordo com o cliente;maria;2026-11-10\n")
    assert len(rows(publish_policy(settings, date.fromisoformat(day)), "policy_waivers")) == waived


def test_a_wrong_file_leaves_the_published_policy_whole(settings):
    before = publish_policy(settings, DAY)
    (settings.config / "agents.csv").write_text("nonsense\n")
    with pytest.raises(ConfigError):
        publish_policy(settings, DAY)
    assert read_manifest(settings.folder("landing", DAY, "policy"), verify=True) == before


def test_an_override_in_force_tells_its_offsets(settings):
    with (settings.config / "overrides.csv").open("a") as file:
        file.write("customer;erp;9;*;d+10;d0;combinado;maria;2026-11-01;2026-11-18\n")
        file.write("customer;erp;8;none;;;combinado;maria;2026-11-19;\n")
    (row,) = rows(publish_policy(settings, DAY), "policy_overrides")
    assert (row["regua"], row["last_offset"], row["goes_on_after_offset"], row["expires_on"]) == (
        "*",
        10,
        0,
        DAY,
    )


def test_every_step_has_its_holdout_share_and_a_legal_notice_none(settings):
    limits, regua = settings.config / "limits.yml", settings.config / "regua.yml"
    limits.write_text(limits.read_text().replace('holdout_share: "0 %"', 'holdout_share: "5 %"'))
    regua.write_text(
        regua.read_text().replace(
            "{offset: 3, channel: email,", "{offset: 3, holdout_share: 20 %, channel: email,"
        )
    )
    steps = {row["step"]: row for row in rows(publish_policy(settings, DAY), "policy_steps")}
    assert (steps["d+1"]["holdout_share"], steps["d+3"]["holdout_share"]) == (
        Decimal("0.050000"),
        Decimal("0.200000"),
    )
    notices = [row for row in steps.values() if row["is_legal_notice"]]
    assert [row["step"] for row in notices] == ["d+65", "d+125"]
    assert all(row["holdout_share"] == 0 for row in notices)
