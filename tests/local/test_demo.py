"""The command of ``make demo``: what it prints while a night runs, and how it fails."""

import re

import pytest
from click.testing import CliRunner

from cobranca.local.airflow_api import TaskEvent
from cobranca.local.demo import ProgressPrinter, main


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (TaskEvent("land_receivables", "land[erp]", "running", 0.2), "started"),
        (TaskEvent("land_receivables", "land[erp]", "success", 2.34), "done in 2.3 s"),
        (
            TaskEvent("build_warehouse", "load", "up_for_retry", 1.0, "erp does not answer"),
            "failed, will be tried again: erp does not answer",
        ),
        (TaskEvent("send_reminders", "plan", "restarting"), "restarting"),
    ],
)
def test_each_new_state_of_a_task_is_one_line_in_words(event, line):
    lines = []
    ProgressPrinter(lines.append).task(event)
    assert re.fullmatch(rf" +\d+\.\d s  {event.dag} +{re.escape(event.task)} +{line}", lines[0])


def test_a_wrong_date_is_refused_before_anything_starts(tmp_path):
    done = CliRunner().invoke(main, ["--date", "18/11/2026", "--home", str(tmp_path / "home")])
    assert done.exit_code == 2
    assert "YYYY-MM-DD" in done.output
    assert not (tmp_path / "home").exists()
