"""The creditor: what the law wants on messages is there, and offers have their words."""

import re

import pytest

from cobranca.policy import load_policy
from policy.config_edits import DAY, change, problems, write


def test_a_proposal_without_conditions_is_refused_before_the_night(settings):
    change(
        settings,
        "regua.yml",
        "offset: 20, channel: email, template: second_notice",
        "offset: 20, channel: email, template: offer",
    )
    assert "d+20" in {
        step.name
        for step in load_policy(settings.config, DAY).regua.steps["*"]
        if step.template == "offer"
    }
    text = (settings.config / "creditor.yml").read_text(encoding="utf-8")
    write(settings, "creditor.yml", re.sub(r"offer_options:\n(  - .*\n)+", "", text))
    assert any(
        line.startswith(
            "creditor.yml:1: offer_options is empty, and the régua sends the template 'offer' at "
            "d+20; write what"
        )
        for line in problems(settings)
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("11.222.333/0001-81", "11.222.333/0001-82", "tax_id: not a valid CNPJ or CPF"),
        ("state: SP", "state: São Paulo", "state: unknown UF"),
        (
            "reply_to: atendimento@example.com.br",
            "reply_to: atendimento",
            "reply_to: not an e-mail address",
        ),
        ("https://www", "http://www", "website: not valid"),
        ("address: Rua", "adress: Rua", "'address' is missing"),
    ],
)
def test_a_creditor_that_lacks_a_legal_field_is_refused(settings, old, new, message):
    change(settings, "creditor.yml", old, new)
    found = problems(settings)
    assert any(message in line for line in found)
    assert "0001-82" not in str(found)


def test_surveys_without_a_survey_url_are_refused_with_the_line(settings):
    change(settings, "creditor.yml", "after_payment: none", "after_payment: survey")
    assert any(re.match(r"creditor\.yml:\d+.*survey_url", line) for line in problems(settings))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pix_key", "chave com espaço"),
        ("pix_key", "chavé"),
        ("education_url", "http://www.example.com.br"),
        ("education_url", "https://a@example.com"),
        ("unsubscribe_url", "javascript:alert(1)"),
    ],
)
def test_invalid_links_and_pix_keys_are_refused_with_the_line(settings, name, value):
    text = (settings.config / "creditor.yml").read_text(encoding="utf-8")
    lines = [
        f'{name}: "{value}"' if line.startswith(f"{name}:") else line for line in text.splitlines()
    ]
    write(settings, "creditor.yml", "\n".join(lines))
    number = 1 + next(i for i, line in enumerate(lines) if line.startswith(f"{name}:"))
    assert any(line.startswith(f"creditor.yml:{number}: ") for line in problems(settings))
