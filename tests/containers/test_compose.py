"""The compose file, the image and the example of settings."""

import os
import re
import shutil
import subprocess

import pytest

from cobranca.settings import PROJECT_ROOT

COMPOSE = PROJECT_ROOT / "docker-compose.yml"
EXAMPLE = PROJECT_ROOT / ".env.example"


def test_compose_accepts_the_file_with_the_example_settings(tmp_path):
    command = [shutil.which("docker-compose")] if shutil.which("docker-compose") else None
    if command is None:
        message = "docker-compose is not installed"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    shutil.copy(COMPOSE, tmp_path)
    shutil.copy(EXAMPLE, tmp_path / ".env")
    answer = subprocess.run(
        [*command, "config", "--quiet"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


def test_compose_names_the_secret_that_is_missing(tmp_path):
    command = shutil.which("docker-compose")
    if command is None:
        pytest.skip("docker-compose is not installed")
    shutil.copy(COMPOSE, tmp_path)
    (tmp_path / ".env").write_text("")
    answer = subprocess.run(
        [command, "config", "--quiet"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode != 0
    assert re.search(r"set \w+ in .env", answer.stderr)


def test_only_this_machine_is_bound_and_no_secret_is_written_down():
    text = COMPOSE.read_text(encoding="utf-8")
    ports = re.findall(r'^\s+- "([^"]*:\d+)"$', text, re.MULTILINE)
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)
    for line in text.splitlines():
        if (
            re.search(r"PASSWORD|SECRET|FERNET", line.partition("#")[0])
            and ":" in line
            and "PASSWORDS_FILE" not in line
        ):
            assert "${" in line, line


def test_the_image_runs_as_an_ordinary_user_and_checks_every_hash():
    text = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER cobranca$", text, re.MULTILINE)
    assert "--require-hashes" in text


def test_the_example_explains_every_setting_that_is_used():
    used = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text(encoding="utf-8")))
    used |= {"COBRANCA_CONFIG", "COBRANCA_DATA", "COBRANCA_WAREHOUSE", "COBRANCA_LEDGER"}
    explained, above = set(), ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        name = re.match(r"#?([A-Z][A-Z_]+)=", line)
        if name and above.startswith("#"):
            explained.add(name[1])
        above = line
    lacking = used - explained - {"REDIS_PASSWORD"}  # explained with the line above it
    assert not lacking
