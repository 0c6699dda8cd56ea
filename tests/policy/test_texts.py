"""``texts.yml``: texts that are incomplete by law or not approved are refused."""

import pytest

from cobranca.errors import ConfigError
from cobranca.policy import load_policy
from policy.config_edits import DAY, change, edit_yaml
from reminders.plans import PHONE

BAD_TEXTS = {
    "an unknown place": (
        {"texts": {"preventive": {"sms": {"body": "Olá {apelido}"}}}},
        "unknown place '{apelido}'",
    ),
    "no address": (
        {"texts": {"first_notice": {"sms": {"body": "Olá {nome}, {razao_social}, {cnpj}"}}}},
        "{endereco}.*42-A",
    ),
    "no amounts": (
        {
            "texts": {
                "preventive": {
                    "sms": {"body": "{razao_social} {cnpj} {endereco} {contato} {link} {total}"}
                }
            }
        },
        r"lacks {valores}\D",
    ),
    "no approved template": (
        {
            "connection": "twilio",
            "whatsapp_from": PHONE,
            "texts": {"preventive": {"whatsapp": {"body": "Olá"}}},
        },
        "no content_sid",
    ),
    "no number": (
        {"connection": "twilio", "texts": {"preventive": {"sms": {"body": "Olá"}}}},
        "'sms_from' is empty",
    ),
    "a strange number": ({"sms_from": "11 4000-0000"}, "sms_from"),
    "an open address": ({"status_url": "http://example.com"}, "status_url"),
}


@pytest.mark.parametrize(("changes", "problem"), BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
def test_incomplete_or_unapproved_texts_are_refused_with_their_line(settings, changes, problem):
    edit_yaml(settings, "texts.yml", **changes)
    with pytest.raises(ConfigError, match=rf"texts\.yml:\d+: (?s:.*){problem}"):
        load_policy(settings.config, DAY)


def test_a_step_without_its_text_is_refused_with_the_line(settings):
    step = "offset: 65, channel: {}, template: last_notice"
    change(settings, "regua.yml", step.format("email"), step.format("sms"))
    with pytest.raises(
        ConfigError,
        match=r"texts\.yml:\d+: there is no sms text for 'last_notice', which step d\+65",
    ):
        load_policy(settings.config, DAY)
