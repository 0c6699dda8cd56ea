"""Every code that SQL can write has words."""

import re
from typing import get_args

from cobranca.policy.model import Effect, HoldReason, Template
from cobranca.settings import PROJECT_ROOT
from cobranca.words import REASONS


def test_every_reason_that_a_model_writes_has_words():
    dbt = PROJECT_ROOT / "dbt"
    models = ("int_customers__decided", "int_steps__due", "int_customers__restrained", "int_receivables__decided")
    files = [dbt / "models" / "intermediate" / f"{name}.sql" for name in (*models, "int_receivables__standing")]
    sql = "\n".join(path.read_text() for path in (*files, dbt / "macros" / "limits.sql"))
    written = set(re.findall(r"(?:then|else) '([a-z_]+[a-z])'", sql))
    written -= {"remind", "call", "escalate", "none", "email", "phone", *get_args(Template)}
    # where a receivable stands before its payer is looked at
    written -= {"held", "upcoming", "overdue"}
    assert {"waiting_interval", "frequency_cap", "end_of_regua", "superseded", "escalated", "within_grace"} <= written
    assert written - set(REASONS) == set()


def test_every_hold_has_words():
    pauses = set(get_args(Effect)) - {"none", "wrong_number", "do_not_call"}
    assert {f"hold_{reason}" for reason in pauses | set(get_args(HoldReason))} - set(REASONS) == set()
