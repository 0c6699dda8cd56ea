"""Settings come from the environment, have sensible defaults and refuse what they do not know."""

from datetime import date
from pathlib import Path

import pytest

from cobranca.errors import ConfigError
from cobranca.settings import PROJECT_ROOT, Settings, parse_business_date


def test_defaults_stay_inside_the_project():
    settings = Settings.from_environment({})
    assert settings.config == PROJECT_ROOT / "include" / "config"
    assert settings.data == PROJECT_ROOT / "var" / "data"
    assert settings.warehouse == f"duckdb:///{settings.data / 'warehouse.duckdb'}"
    assert settings.ledger == f"sqlite:///{settings.data / 'ledger.db'}"
    assert settings.delivery == "outbox"


def test_every_setting_is_read(tmp_path):
    settings = Settings.from_environment(
        {
            "COBRANCA_CONFIG": str(tmp_path / "config"),
            "COBRANCA_DATA": str(tmp_path / "data"),
            "COBRANCA_WAREHOUSE": "postgresql://u@localhost/w",
            "COBRANCA_LEDGER": "postgresql://u@localhost/l",
            "COBRANCA_DELIVERY": "sendgrid",
            "COBRANCA_DELIVERY_PROCESSES": "3",
        }
    )
    assert settings == Settings(
        tmp_path / "config",
        tmp_path / "data",
        "postgresql://u@localhost/w",
        "postgresql://u@localhost/l",
        "sendgrid",
        3,
    )


def test_empty_values_count_as_absent():
    assert Settings.from_environment(
        {"COBRANCA_DELIVERY": "", "COBRANCA_DATA": ""}
    ) == Settings.from_environment({})


def test_a_relative_data_folder_becomes_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({"COBRANCA_DATA": "here"}).data == tmp_path / "here"
    assert Settings.from_environment({"COBRANCA_DATA": "~/here"}).data == Path.home() / "here"


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("COBRANCA_DATA", "s3://bucket/x", "give a folder"),
        (
            "COBRANCA_WAREHOUSE",
            "oracle://user:hunter2@host/db",
            "use duckdb:///path or postgresql://",
        ),
        ("COBRANCA_DELIVERY", "carrier-pigeon", "use one of: outbox, sendgrid"),
        ("COBRANCA_DELIVERY_PROCESSES", "0", "from 1 to 16"),
        ("COBRANCA_DELIVERY_PROCESSES", "many", "from 1 to 16"),
    ],
)
def test_a_wrong_value_names_the_setting_and_the_cure(name, value, cure):
    with pytest.raises(ConfigError, match=f"{name}.*{cure}") as error:
        Settings.from_environment({name: value})
    assert "hunter2" not in str(error.value)


def test_nothing_secret_in_the_repr():
    settings = Settings.from_environment(
        {
            "COBRANCA_WAREHOUSE": "postgresql://u:hunter2@h/w",
            "COBRANCA_LEDGER": "postgresql://u:hunter2@h/l",
        }
    )
    assert "hunter2" not in repr(settings)


def test_folders_hold_the_business_date():
    settings = Settings.from_environment({"COBRANCA_DATA": "/d"})
    assert settings.folder("landing", date(2026, 11, 18), "policy") == Path(
        "/d/landing/2026-11-18/policy"
    )


def test_business_dates():
    assert parse_business_date("2026-11-18") == date(2026, 11, 18)


@pytest.mark.parametrize(
    "text",
    [
        "18/11/2026",
        "2026-02-30",
        "",
        "today",
        "2026-11-18T00:00:00",
        "20261118",
        "2026-W47-3",
        None,
    ],
)
def test_a_business_date_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        parse_business_date(text)
