"""What SQL and Python both need is written once."""

import re

from cobranca.policy.bands import BANDS, Bands
from cobranca.policy.config_file import load_alone
from cobranca.policy.ranking import RANKING, Ranking
from cobranca.settings import PROJECT_ROOT


def _written_in(pattern: str, *suffixes: str) -> list[str]:
    """The code and SQL in which a pattern occurs, by path."""
    files = [
        path
        for folder in ("include", "dbt", "dags", "plugins")
        for path in (PROJECT_ROOT / folder).rglob("*")
        if path.suffix in suffixes
    ]
    assert len(files) > 200
    return [
        str(path.relative_to(PROJECT_ROOT))
        for path in sorted(files)
        if re.search(pattern, path.read_text(encoding="utf-8"))
    ]


def test_the_time_zone_is_written_once():
    found = _written_in("America/Sao_Paulo", ".py", ".sql", ".yml", ".csv", ".html")
    assert found == ["include/cobranca/time_zone.py"]


def test_no_code_writes_an_aging_band():
    """Names and labels follow from the limits; unit tests of dbt lie in yml and may write them."""
    assert _written_in(r"1[-–]30\b|31[-–]60|61[-–]90|91[-–]180|181\+|31 a 60", ".py", ".sql") == []


def test_the_shipped_settings_are_the_defaults():
    """A folder of before the files existed, and a night frozen then, follow the same numbers."""
    config = PROJECT_ROOT / "include" / "config"
    for file, default in ((BANDS, Bands()), (RANKING, Ranking())):
        assert (config / file.name).exists()
        assert load_alone(file, config / file.name) == default
