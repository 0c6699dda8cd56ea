"""``creditor.yml`` alone is the one creditor; ``creditors/`` holds one file for each of several."""

import pytest

from cobranca.policy import load_policy
from cobranca.policy.publish import policy_tables
from cobranca.schema import PRINCIPAL
from creditor_files import SECOND_TAX_ID, make_group
from policy.config_edits import DAY, change, problems, write


@pytest.fixture
def group(settings):
    """The settings of a configuration with two creditors, each in a file of its own."""
    make_group(settings.config)
    return settings


def edit(group, name, old, new):
    path = group.config / "creditors" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_each_file_is_a_creditor_of_its_name(group):
    policy = load_policy(group.config, DAY)
    assert list(policy.creditors) == ["atacado", "varejo"]
    atacado, varejo = policy.creditors.values()
    assert (atacado.id, atacado.trade_name, atacado.tax_id) == (
        "atacado",
        "Jacarandá",
        SECOND_TAX_ID,
    )
    assert (varejo.id, varejo.trade_name) == ("varejo", "Ipê Amarelo")
    assert policy.company == "Jacarandá · Ipê Amarelo"
    assert {"creditors/atacado.yml", "creditors/varejo.yml"} <= set(policy.fingerprints)
    assert "creditor.yml" not in policy.fingerprints


def test_creditor_yml_stays_the_principal_beside_others(settings, group):
    (group.config / "creditors" / "varejo.yml").rename(group.config / "creditor.yml")
    policy = load_policy(group.config, DAY)
    assert list(policy.creditors) == ["atacado", PRINCIPAL]
    assert policy.creditors[PRINCIPAL].file_name == "creditor.yml"
    assert policy.creditors["atacado"].file_name == "creditors/atacado.yml"


def test_one_file_alone_is_the_principal(settings):
    assert list(load_policy(settings.config, DAY).creditors) == [PRINCIPAL]
    (settings.config / "creditors").mkdir()
    assert list(load_policy(settings.config, DAY).creditors) == [PRINCIPAL]


def test_no_creditor_at_all_is_missed(settings):
    (settings.config / "creditor.yml").unlink()
    (problem,) = problems(settings)
    assert problem.startswith("creditor.yml:")


def test_two_files_of_one_company_are_refused(group):
    line = edit(group, "varejo.yml", "11.222.333/0001-81", SECOND_TAX_ID)
    (problem,) = problems(group)
    assert problem.startswith(
        f"creditors/varejo.yml:{line}: its tax id is that of atacado.yml, too;"
    )


def test_a_company_without_an_address_is_refused(group):
    edit(group, "atacado.yml", "address: ", "# ")
    (problem,) = problems(group)
    assert problem.startswith("creditors/atacado.yml:") and "address" in problem


@pytest.mark.parametrize("name", ["Atacado", "9", "a-b", "a" * 31])
def test_a_name_that_no_key_could_hold_is_refused(group, name):
    folder = group.config / "creditors"
    (folder / "atacado.yml").rename(folder / f"{name}.yml")
    (problem,) = problems(group)
    assert problem.startswith(f"creditors/{name}.yml:1: '{name}' is no id of a creditor;")


def test_the_principal_has_one_file(group):
    folder = group.config / "creditors"
    (folder / "atacado.yml").rename(folder / "principal.yml")
    (folder / "varejo.yml").rename(group.config / "creditor.yml")
    (problem,) = problems(group)
    assert problem.startswith(
        "creditor.yml:1: creditors/principal.yml is the creditor of this file, too;"
    )


def test_problems_of_every_file_are_listed_with_their_files(group):
    edit(group, "atacado.yml", "reply_to: ", "reply_to: not an address # ")
    edit(group, "varejo.yml", "state: SP", "state: XX")
    found = problems(group)
    assert [one.split(":")[0] for one in found] == ["creditors/atacado.yml", "creditors/varejo.yml"]


def test_accounts_that_send_are_listed_once(group):
    assert load_policy(group.config, DAY).sendgrid_connections == ("sendgrid",)
    edit(group, "atacado.yml", "sendgrid_connection: sendgrid", "sendgrid_connection: second")
    assert load_policy(group.config, DAY).sendgrid_connections == ("second", "sendgrid")


def test_batches_that_leave_later_lie_with_one_account(group):
    change(group, "limits.yml", "delivery_mode: immediate", "delivery_mode: scheduled")
    assert load_policy(group.config, DAY).limits.delivery_mode == "scheduled"
    edit(group, "atacado.yml", "sendgrid_connection: sendgrid", "sendgrid_connection: second")
    (problem,) = problems(group)
    assert problem == (
        "creditor.yml:1: delivery_mode is 'scheduled', and the creditors send by several SendGrid "
        "accounts: second, sendgrid; use delivery_mode: immediate in limits.yml, or one "
        "sendgrid_connection."
    )


HOLD = "scope;source;target_id;creditor;reason;author;starts_on;expires_on"
OVERRIDE = (
    "scope;source;target_id;creditor;regua;last_step;goes_on_after;reason;author;starts_on;"
    "expires_on"
)
LINES = {
    "holds.csv": (HOLD, "{};erp;9;{};dispute;maria;2026-11-10;"),
    "overrides.csv": (OVERRIDE, "{};erp;9;{};none;;;combinado;maria;2026-11-10;"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_hold_and_an_exception_may_be_for_one_creditor(group, name):
    header, line = LINES[name]
    write(group, name, "\n".join([header, line.format("customer", "atacado"), ""]))
    policy = load_policy(group.config, DAY)
    (row,) = policy_tables(policy)[f"policy_{name.removesuffix('.csv')}"]
    assert row["only_creditor"] == "atacado" and "creditor" not in row


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(
    ("scope", "creditor", "told"),
    [
        ("customer", "atacada", "there is no creditor 'atacada'; use one of: atacado, varejo"),
        ("receivable", "atacado", "a receivable is of one creditor anyway; leave the creditor"),
    ],
)
def test_a_line_about_no_creditor_is_refused(group, name, scope, creditor, told):
    header, line = LINES[name]
    write(group, name, "\n".join([header, line.format(scope, creditor), ""]))
    (problem,) = problems(group)
    assert problem.startswith(f"{name}:2: {told}")


def test_a_customer_may_follow_a_regua_for_each_creditor(group):
    header, line = LINES["overrides.csv"]
    rows = [line.format("customer", creditor) for creditor in ("atacado", "varejo", "")]
    write(group, "overrides.csv", "\n".join([header, *rows, ""]))
    assert len(load_policy(group.config, DAY).overrides) == 3
    write(group, "overrides.csv", "\n".join([header, rows[0], rows[0], ""]))
    assert "in force at the same time" in problems(group)[0]
