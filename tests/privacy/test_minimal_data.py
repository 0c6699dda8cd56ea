"""Each output holds of a person what its purpose needs, and no more (LGPD, art. 6, III): the one
list of what that is.
"""

import json
import re

import pyarrow.parquet as pq
import pytest

from cobranca.explain.narrate import explain
from cobranca.partitions.manifest import read_manifest
from cobranca.partitions.outbound_partition import read_batch
from cobranca.redaction.parquet_redaction import personal_in
from privacy.company import CALLED, OTHERS, WRITTEN
from privacy.conftest import FIRST, settings_in

# Of every table of the frozen plan: the columns that identify a person or an address. All
# others have none.
ALLOWED = {
    # what a letter shows: the recipient, and how to pay; the hours of the payer's state
    "out_reminders": {
        "customer_name",
        "email",
        "phone",
        "state",
        "boleto_line",
        "pix_code",
        "payment_url",
    },
    # who is called, how the caller makes sure of it, and the hours of the place
    "out_call_queue": {"customer_name", "tax_id_masked", "phone", "city", "state"},
    # the person who decides has to know which payer it is
    "out_escalations": {"customer_name"},
    "out_benefits": {"customer_name", "email"},
    "out_surveys": {"customer_name", "email", "state"},
    # how each source spells one payer, to see that accounts were joined rightly
    "dim_payer_aliases": {"customer_name", "tax_id_masked", "city", "state"},
    "dim_payer_ranking": {"customer_name", "state"},
}
# Where a person's whole data may lie: the landing that they were read into and the warehouse made
# of it.
INPUTS = {"landing", "warehouse.duckdb"}
CPF = [
    form
    for one in (WRITTEN, CALLED)
    for form in (one.cpf, f"{one.cpf[:3]}.{one.cpf[3:6]}.{one.cpf[6:9]}-{one.cpf[9:]}")
]


@pytest.fixture(scope="module")
def batch(first_night):
    return read_batch(settings_in(first_night), FIRST)


def test_every_table_of_the_plan_holds_only_what_it_needs(batch):
    held = {
        entry.name.removesuffix(".parquet"): set(
            personal_in(pq.read_schema(batch.path(entry.name)).names)
        )
        for entry in batch.files
    }
    assert {table: columns for table, columns in held.items() if columns} == ALLOWED


def test_a_message_holds_only_the_way_by_which_it_goes(batch):
    rows = pq.read_table(
        batch.path("out_reminders.parquet"), columns=["channel", "email", "phone"]
    ).to_pylist()
    assert rows and all((row["email"] is None) == (row["channel"] != "email") for row in rows)
    assert all((row["phone"] is None) == (row["channel"] == "email") for row in rows)


def test_nothing_that_names_a_person_lies_where_it_is_not_needed(found):
    """Whole tax ids go nowhere; an address only where it is written to, a telephone only where it
    is called.
    """

    def places(*needles: str) -> set[str]:
        return {
            path.split("/")[0] for path, here in found.items() if set(here) & set(needles)
        } - INPUTS

    assert places(*CPF) == set()
    assert places(WRITTEN.email) == {"outbound", "outbox"}
    assert places(CALLED.phone, CALLED.phone[3:], "(21) 97654-0456") == {"outbound", "queues"}
    assert places(WRITTEN.phone, "(11) 97654-0123") == set()
    assert places(*(email for *_, email in OTHERS)) <= {"outbound"}
    assert not {path.split("/")[0] for path in found} & {"quality", "history", "ledger.db", ".dbt"}


def test_queues_and_why_show_a_tax_id_masked(first_night):
    settings = settings_in(first_night)
    (path,) = settings.folder("queues", FIRST).rglob("fila_2026-11-18.csv")
    assert "***.161.757-**" in path.read_text(
        encoding="utf-8-sig"
    ) and CALLED.cpf not in path.read_text(encoding="utf-8-sig")
    for account in ("crm:1", "crm:2"):
        told = explain(settings, account)
        assert (
            "@" not in told
            and not re.search(r"\d{3}\.\d{3}\.\d{3}-\d{2}", told)
            and "+55" not in told
        )


def test_manifests_and_verdicts_tell_numbers_only(first_night):
    settings = settings_in(first_night)
    needles = [*WRITTEN.needles, *CALLED.needles]
    for path in settings.data.rglob("*.json"):
        text = json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False)
        assert not [needle for needle in needles if needle in text], path.name
    assert read_manifest(settings.folder("landing", FIRST, "sources")).amended == ()
