"""Bands, recovery and ranking are policy: SQL follows the landed tables.

A night that was frozen before they existed follows the defaults.
"""

import dataclasses
import shutil

import duckdb
import pyarrow.parquet as pq
import pytest

from cobranca import warehouse
from cobranca.aging import band_names, days_of
from cobranca.partitions import manifest
from cobranca.reports.backtest import read_backtest
from cobranca.reports.figures import read_pack
from cobranca.reports.report_page import render_page
from creditor_files import copy_config
from warehouse.busy_nights import NIGHT, settings_in
from warehouse.nights import land_night
from warehouse.parity import differences

NEW_TABLES = ("policy_bands.parquet", "policy_ranking.parquet", "policy_reasons.parquet")
OTHER_BANDS = """
bands:
  - {last_day: 7, recovery: 90 %}
  - {last_day: 45, recovery: 40 %}
  - {recovery: 1 %}
"""


def test_a_night_frozen_before_bands_and_ranking_were_policy_is_rebuilt_equal(busy_night, tmp_path):
    settings, with_tables = busy_night
    shutil.copytree(settings.data / "landing", tmp_path / "landing")
    old = dataclasses.replace(
        settings, data=tmp_path, warehouse=f"duckdb:///{tmp_path / 'old.duckdb'}"
    )
    _without_new_tables(old)
    assert differences(with_tables, warehouse.build(old, NIGHT)) == {}


def _without_new_tables(settings) -> None:
    """The landed policy as it was frozen before there were such tables."""
    root = settings.folder("landing", NIGHT, "policy")
    policy = manifest.read_manifest(root)
    draft = manifest.draft_folder(root, "old")
    entries = []
    for entry in policy.files:
        if entry.name not in NEW_TABLES:
            rows = pq.read_table(policy.path(entry.name))
            pq.write_table(rows, draft / entry.name)
            entries.append(manifest.FileEntry.of(draft, entry.name, rows.num_rows))
    assert len(entries) == len(policy.files) - len(NEW_TABLES)
    manifest.publish(root, draft, kind="policy", business_date=NIGHT, files=entries)


@pytest.fixture(scope="module")
def other_policy(busy_ledger, tmp_path_factory):
    """The busy ledger under other bands and stricter classes."""
    folder = tmp_path_factory.mktemp("other_policy")
    copy_config(folder / "config")
    (folder / "config" / "bands.yml").write_text(OTHER_BANDS, encoding="utf-8")
    ranking = (folder / "config" / "ranking.yml").read_text(encoding="utf-8")
    stricter = ranking.replace("known_from: 3 ", "known_from: 100 ").replace(
        "late: 20 ", "late: 0 "
    )
    assert stricter != ranking
    (folder / "config" / "ranking.yml").write_text(stricter, encoding="utf-8")
    settings = settings_in(folder, config=folder / "config")
    land_night(settings, NIGHT, **busy_ledger)
    return warehouse.build(settings, NIGHT)


def _rows(batch, sql: str) -> list[tuple]:
    tables = {entry.name.removesuffix(".parquet"): batch.path(entry.name) for entry in batch.files}
    return duckdb.sql(sql.format(**{name: f"'{path}'" for name, path in tables.items()})).fetchall()


def test_sql_names_the_bands_as_python_does(other_policy):
    found = _rows(other_policy, "select aging_band, days_past_due from {fct_receivables}")
    assert {band for band, _ in found} == set(band_names((7, 45)))
    for band, days in found:
        first, last = days_of(band) or (days, 0)
        assert first <= days and (last is None or days <= last)


def test_calls_are_ranked_by_the_recovery_of_their_band(other_policy):
    expected = {"not_due": 5, "1-7": 90, "8-45": 40, "46+": 1}
    calls = _rows(
        other_policy,
        "select aging_band, priority_reason, priority, amount_due from {out_call_queue}",
    )
    assert {band for band, *_ in calls} >= {"8-45", "46+"}
    for band, reason, priority, due in calls:
        assert f"; recovery_percent:{expected[band]};" in reason
        assert abs(priority * 100 - due * expected[band]) <= 50


def test_classes_and_points_follow_the_policy(other_policy):
    ranked = _rows(other_policy, "select payer_class, late_points from {dim_payer_ranking}")
    assert {payer_class for payer_class, _ in ranked} <= {"novo", "critico"}
    assert {points for _, points in ranked} == {0}


def test_the_report_follows_the_bands_of_its_night(other_policy):
    pack = read_pack(other_policy)
    assert pack.bands == list(band_names((7, 45)))
    page = render_page(pack, read_backtest(other_policy))
    assert "8 a 45 dias" in page and "46 ou mais" in page and "31 a 60 dias" not in page
