"""Lines of the manager's files that meet nobody are told on the terminal and by the gate."""

from click.testing import CliRunner

from cobranca import night
from cobranca.cli import commands
from cobranca.partitions.verdict import Check, Verdict, count_warnings, write_verdict
from cobranca.policy import load_policy
from cobranca.quality.policy_targets import unknown_targets_of
from quality.files import D, candidate, land, landing_tables, plan_tables


def add(settings, name: str, line: str) -> None:
    with (settings.config / name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def test_before_the_first_landing_no_line_can_be_held_against_anything(settings):
    add(settings, "holds.csv", "customer;erp;33;legal;Ana;2026-11-01;")
    assert list(unknown_targets_of(settings, load_policy(settings.config, D))) == []


def test_lines_are_held_against_the_newest_landing(settings, monkeypatch):
    """As they are written now, also where the landing's own policy was another."""
    land(settings, landing_tables())
    add(settings, "holds.csv", "customer;erp;3;legal;Ana;2026-11-01;")
    add(settings, "holds.csv", "customer;erp;33;legal;Ana;2026-11-01;")
    add(settings, "waivers.csv", "erp;R44;all;;;acordo;Ana;2026-11-01")
    assert list(unknown_targets_of(settings, load_policy(settings.config, D))) == [
        "holds.csv: customer 33 of erp is not in the landing of 2026-11-18; correct the line or "
        "remove it",
        "waivers.csv: receivable R44 of erp is not in the landing of 2026-11-18; correct the line "
        "or remove it",
    ]
    monkeypatch.setenv("COBRANCA_CONFIG", str(settings.config))
    monkeypatch.setenv("COBRANCA_DATA", str(settings.data))
    output = CliRunner().invoke(commands, ["check", "--business-date", str(D)]).output
    assert "  note: holds.csv: customer 33 of erp is not in the landing of 2026-11-18" in output


def test_a_landing_whose_files_are_gone_is_no_error(settings):
    landed = land(settings, landing_tables())
    add(settings, "holds.csv", "customer;erp;33;legal;Ana;2026-11-01;")
    landed.path("erp/receivables.parquet").unlink()
    assert list(unknown_targets_of(settings, load_policy(settings.config, D))) == []


def test_the_gate_tells_how_many_checks_warn_and_where(settings):
    land(settings, landing_tables())
    candidate(settings, plan_tables())
    approved = night.gate(settings, D)
    assert approved.startswith("approved batch ") and "warnings" not in approved
    add(settings, "holds.csv", "customer;erp;33;legal;Ana;2026-11-01;")
    land(settings, landing_tables())
    candidate(settings, plan_tables())
    page = settings.folder("quality", D) / "index.html"
    assert night.gate(settings, D) == f"{approved}; warnings: 1, see {page}"
    assert "holds.csv: cliente 33 de erp" in page.read_text(encoding="utf-8")


def test_warnings_of_both_gates_are_counted(settings):
    assert count_warnings(settings, D) == 0
    warning = Check("a", "b", "warning", False, "", "")
    for subject in ("arrivals", "plan"):
        passed = Check("c", "d", "critical", True, "", "")
        write_verdict(settings, Verdict.of(D, "b1", subject, [passed, warning], {}))
    assert count_warnings(settings, D) == 2
