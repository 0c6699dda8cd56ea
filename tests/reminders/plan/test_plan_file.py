"""The plan file: contradicting rows and files of an older version are refused."""

import pyarrow.parquet as pq
import pytest

from cobranca.errors import PartitionError
from cobranca.reminders.plan.plan_file import Courtesies, PlanFile
from cobranca.schema import PRINCIPAL
from reminders.plans import item, message, publish_plan, settled_debt
from reminders.rendering import read_messages


def test_rows_of_one_message_that_disagree_are_refused(settings):
    rows = message(1, [item("A1"), item("A2")])
    rows[1]["email"] = "outra@example.com"
    with pytest.raises(PartitionError, match="email"):
        read_messages(settings, rows)


def test_a_survey_file_without_state_or_source_is_refused_with_the_cure(settings):
    batch = publish_plan(settings, [message(1)], surveys=[settled_debt(2)])
    path = settings.data / "old.parquet"
    pq.write_table(
        pq.read_table(batch.path("out_surveys.parquet")).drop_columns(["state", "source"]), path
    )
    with pytest.raises(
        PartitionError,
        match=r"old\.parquet lacks the columns state, source; build that date's plan again",
    ):
        PlanFile(
            batch.path("out_reminders.parquet"), Courtesies(path, {PRINCIPAL: "thank_you"}, "v1")
        )


def test_messages_come_by_key_with_their_items_whatever_the_order_of_the_rows(settings):
    rows = [
        row
        for number in (3, 1, 2)
        for row in message(number, [item(f"B{number}", days=1), item(f"A{number}", days=5)])
    ]
    batch = publish_plan(settings, [rows[::2], rows[1::2]])
    with PlanFile(batch.path("out_reminders.parquet")) as plan_file:
        found = [one for chunk in plan_file.messages(chunk_size=2) for one in chunk]
        keys = [one.message_key for one in found]
        assert keys == sorted({row["message_key"] for row in rows}) and plan_file.count() == 3
        assert all([i.receivable_id[0] for i in one.items] == ["A", "B"] for one in found)
        (some,) = plan_file.messages([keys[2], keys[0]])
        assert [one.message_key for one in some] == [keys[0], keys[2]]
        assert list(plan_file.messages([])) == []


def test_thank_yous_count_among_the_messages(settings):
    batch = publish_plan(settings, [message(1)], surveys=[settled_debt(2), settled_debt(3)])
    courtesies = Courtesies(batch.path("out_surveys.parquet"), {PRINCIPAL: "thank_you"}, "v1")
    with PlanFile(batch.path("out_reminders.parquet"), courtesies) as plan_file:
        keys = [key for chunk in plan_file.message_keys() for key in chunk]
        assert plan_file.count() == len(set(keys)) == 3
        (found,) = plan_file.messages([keys[-1]])
        assert [one.message_key for one in found] == [keys[-1]]
        assert found[0].settled.receivable_id in ("P2", "P3") and found[0].items == ()
