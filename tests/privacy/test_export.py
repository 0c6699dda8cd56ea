"""Who asks gets all that is held about them, in words they can read, and nothing about anybody
else.
"""

import json
from datetime import date

import pytest
from click.testing import CliRunner

from cobranca.cli import commands
from cobranca.errors import ConfigError
from cobranca.ledger import open_ledger
from cobranca.ledger.tables import outcomes, payer_accounts
from cobranca.privacy.export import DATA, PAGE, export
from privacy.company import CALLED, OTHERS, WRITTEN
from privacy.conftest import settings_in


@pytest.fixture(scope="module")
def answer(first_night, tmp_path_factory) -> tuple[str, dict]:
    folder = tmp_path_factory.mktemp("answer")
    export(settings_in(first_night), "crm:1", folder)
    return (folder / PAGE).read_text(encoding="utf-8"), json.loads(
        (folder / DATA).read_text(encoding="utf-8")
    )


def test_the_answer_holds_everything_about_the_person(answer):
    page, data = answer
    (registered,) = data["dados cadastrais"]
    assert registered["nome"] == WRITTEN.name and registered["CPF/CNPJ"] == "101.128.966-00"
    assert registered["e-mail"] == WRITTEN.email and registered["telefone"] == "(11) 97654-0123"
    assert [row["documento"] for row in data["títulos"]] == ["NF-100", "NF-200"]
    assert [row["em aberto"] for row in data["valores em aberto"]] == ["101,00", "50,00"]
    decided = {
        row["título"]: (row["decisão"], row["canal"], row["motivo"])
        for row in data["decisões de cada noite"]
    }
    assert decided["crm:100"] == ("Mensagem", "E-mail", "Passo da régua previsto para hoje")
    assert decided["crm:200"] == ("Sem contato", None, "Ainda não venceu")
    states = [row["situação"] for row in data["mensagens"]]
    assert states[0] == "planejado" and states[-1] == "enviado"
    assert data["por que houve ou não contato, noite a noite"]
    assert "credor" not in {
        name
        for rows in data.values()
        if isinstance(rows, list)
        for row in rows
        if isinstance(row, dict)
        for name in row
    }
    for part in (
        WRITTEN.name,
        "101.128.966-00",
        "Passo da régua previsto para hoje",
        "art. 20",
        "controlador",
    ):
        assert part in page


def test_the_answer_holds_nothing_about_other_payers(answer):
    page, data = answer
    told = page + json.dumps(data, ensure_ascii=False)
    for needle in [
        *CALLED.needles,
        *(text for _, name, _, email in OTHERS for text in (name, email)),
    ]:
        assert needle not in told
    assert "None" not in page and "hold_" not in page and "{" not in page.partition("</style>")[2]


def test_records_under_a_former_key_are_exported_too(place, tmp_path):
    """Unless that key stood for another payer as well."""
    day = date(2026, 11, 10)
    accounts = [("Cformer", "1"), ("Cshared", "1"), ("Cshared", "2")]
    told = {"contacted_on": day, "agent_id": "ana", "code": "RECADO"}
    engine = open_ledger(settings_in(place).ledger)
    with engine.begin() as connection:
        for key, customer_id in accounts:
            row = {
                "customer_key": key,
                "known_since": day,
                "source": "crm",
                "customer_id": customer_id,
            }
            connection.execute(payer_accounts.insert(), row)
        for key in ("Cformer", "Cshared"):
            connection.execute(outcomes.insert(), {"outcome_id": key, "customer_key": key, **told})
    engine.dispose()
    export(settings_in(place), "crm:1", tmp_path / "answer")
    data = json.loads((tmp_path / "answer" / DATA).read_text(encoding="utf-8"))
    assert len(data["ligações e respostas registradas"]) == 1


def test_after_an_erasure_the_answer_says_so_and_names_no_one(erased, tmp_path, monkeypatch):
    settings = erased
    for name, value in (("CONFIG", settings.config), ("DATA", settings.data)):
        monkeypatch.setenv(f"COBRANCA_{name}", str(value))
    for name in ("WAREHOUSE", "LEDGER", "DELIVERY"):
        monkeypatch.delenv(f"COBRANCA_{name}", raising=False)
    done = CliRunner().invoke(
        commands, ["privacy", "export", "--customer", "crm:1", "--folder", str(tmp_path / "answer")]
    )
    assert done.exit_code == 0, (done.output, done.exception)
    told = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "answer").iterdir())
    assert not [needle for needle in WRITTEN.needles if needle in told]
    data = json.loads((tmp_path / "answer" / DATA).read_text(encoding="utf-8"))
    assert [(row["data"], row["código"]) for row in data["apagamentos"]] == [("18/11/2026", "1")]
    assert [row["quer receber"] for row in data["preferências de contato"]] == ["não"] * 3
    assert data["mensagens"]


def test_an_unknown_customer_has_no_answer(first_night, tmp_path):
    with pytest.raises(ConfigError, match="crm:99"):
        export(settings_in(first_night), "crm:99", tmp_path)
    assert list(tmp_path.iterdir()) == []
