"""A source file is right, or its error names file, line and cure."""

from pathlib import Path

import pytest

from cobranca.errors import ConfigError
from cobranca.settings import Settings
from cobranca.sources.mapping.load import get_mapping, load_mapping, load_mappings
from source_files import GOOD, load, with_query


def test_a_good_file_is_read(tmp_path: Path):
    mapping = load(tmp_path, GOOD)
    assert (mapping.source, mapping.connection, mapping.statement_timeout_seconds) == (
        "shop",
        "shop_db",
        900,
    )
    assert mapping.entities.receivables.cents == ("amount",)
    assert mapping.entities.receivables.incremental.lookback_days == 3
    assert mapping.hundredths("receivables") == ("amount",)


def test_rates_in_per_cent_are_hundredths_of_the_receivables(tmp_path: Path):
    mapping = load(tmp_path, GOOD.replace("source: shop", "source: shop\nrates: percent"))
    assert [mapping.hundredths(entity) for entity in ("customers", "receivables", "payments")] == [
        (),
        ("amount", "fine_rate", "monthly_interest_rate"),
        (),
    ]


def test_the_shipped_sources_are_valid(settings: Settings):
    assert list(load_mappings(settings)) == ["billing", "erp"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD.replace("connection: shop_db", "connection: [shop_db"), 3, "invalid YAML"),
        (
            GOOD.replace("  payments:\n    query: select 1 as payment_id\n", ""),
            3,
            "'entities.payments' is missing; add it",
        ),
        (GOOD.replace("source: shop\n", ""), 1, "'source' is missing"),
        (GOOD.replace("source: shop", "source: Shop:1"), 1, "lower-case letters"),
        (GOOD.replace("source: shop", f"source: {'s' * 41}"), 1, "at most 40 characters"),
        (
            GOOD + "pasword: x\n",
            12,
            "unknown key 'pasword'; use only: source, connection, folder, entities",
        ),
        (
            GOOD.replace("    cents:", "    cent:"),
            8,
            "unknown key 'entities.receivables.cent'; use only: query, cents",
        ),
        (
            GOOD + "  invoices:\n    query: select 1\n",
            12,
            "unknown key 'entities.invoices'; use only: customers, receivables",
        ),
        (
            GOOD.replace("cents: [amount]", "cents: [fine_rate]"),
            8,
            "'fine_rate' is no money column of receivables",
        ),
        (GOOD.replace("lookback_days: 3", "lookback_days: -1"), 9, "lookback_days"),
        (GOOD.replace("source: shop", "source: shop\nrates: cents"), 2, "rates"),
        (
            GOOD.replace("column: updated_at", "column: amount"),
            9,
            "'amount' is no date of receivables; 'column' may be: updated",
        ),
        (
            GOOD.replace("source: shop", "source: shop\nsource: shop2"),
            2,
            "'source' is written twice (also in line 1)",
        ),
        (
            GOOD + "    cnab:\n      - {files: '*.ret', layout: itau400, bank: '341'}\n"
            "      - {files: '*.rem', layout: itau400, banc: '341'}\n",
            14,
            "unknown key 'entities.payments.cnab.1.banc'",
        ),
        (
            GOOD + "    cnab:\n      - files: '*.ret'\n        files: '*.rem'\n",
            14,
            "'entities.payments.cnab.0.files' is written twice (also in line 13); keep one",
        ),
        (
            GOOD + "statement_timeout_seconds: 2026-13-01\n",
            1,
            "(an impossible date or number); correct it",
        ),
        ("just text\n", 1, "must hold 'source'"),
        ("", 1, "must hold 'source'"),
        (
            GOOD.replace("column: updated_at", "column: updated_at) or (1=1"),
            9,
            "is not a valid name; use lower-case letters",
        ),
        (
            GOOD.replace("source: shop", 'source: "shop; drop table x"'),
            1,
            "is not a valid name; use lower-case letters",
        ),
        (GOOD.replace("cents: [amount]", 'cents: ["amount)"]'), 8, "'amount)' is no money column"),
        (
            GOOD.replace("connection: shop_db\n", ""),
            1,
            "'connection' is missing; name the connection of the database",
        ),
        (
            GOOD + "    cnab: {files: '*.ret', layout: febraban240, bank: '237'}\n",
            1,
            "'folder' is missing; name the folder",
        ),
        (
            GOOD + "    cnab: {files: '/etc/*.ret', layout: febraban240, bank: '237'}\n",
            10,
            "must lie inside the source's folder",
        ),
        (
            GOOD + "    cnab: {files: '*.ret', layout: cnab500, bank: '237'}\n",
            12,
            "there is no layout 'cnab500'; use one of: bb400",
        ),
        (
            GOOD + "    cnab: {files: '*.ret', layout: itau400, bank: '237'}\n",
            12,
            "layout 'itau400' is of bank 341, not 237",
        ),
        (
            GOOD + "    cnab: {files: '*.ret', layout: itau400, banc: '341'}\n",
            12,
            "unknown key 'entities.payments.cnab.0.banc'",
        ),
        (GOOD + "    files: recebidos.csv\n", 12, "say how these CSV files are written in 'csv'"),
        (
            GOOD + "    files: recebidos.csv\n    csv: {encoding: latim-1}\n",
            13,
            "names no encoding Python knows",
        ),
        (
            GOOD + "    csv: {delimiter: ';'}\n",
            12,
            "'csv' says how files are written; name them in 'files'",
        ),
        (
            GOOD.replace("query: select 1 as payment_id", "query: 5"),
            11,
            "'entities.payments.query'",
        ),
        (GOOD.replace("source: shop", "source: sh\0p"), 1, "invalid YAML"),
        (
            with_query("select 1 from p where 1 = 1 /* by customer_id and p.c in (?) */"),
            11,
            (
                "the comment 'by customer_id' names no key of payments; use one of: payment_id, "
                "receivable_id"
            ),
        ),
        (
            with_query("select 1 from p where 1 = 1 /* by receivable_id.2 and p.c in (?) */"),
            11,
            "needs 'joined: {receivable_id: 1/2}' with that many parts",
        ),
        (
            with_query("select 1 from p where 1 = 1 /* by payment_id and p.c = 5 */"),
            11,
            "must compare one column",
        ),
        (
            GOOD + "    joined: {receivable_id: a/b}\n",
            12,
            "write the parts as numbers with the sign between them, for example 1/2",
        ),
    ],
)
def test_an_error_names_the_file_the_line_and_the_cure(
    tmp_path: Path, text: str, line: int, words: str
):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    assert f"{tmp_path / 'shop.yml'}:{line}: " in str(error.value)
    assert words in str(error.value)


def test_all_problems_of_a_file_are_reported_at_once(tmp_path: Path):
    with pytest.raises(ConfigError) as error:
        load(
            tmp_path,
            GOOD.replace("source: shop", "source: X").replace(
                "select 1 as payment_id", "drop table x"
            ),
        )
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in str(error.value).splitlines()] == [
        "1",
        "11",
    ]


def test_no_source_at_all_is_an_error(settings: Settings):
    for path in (settings.config / "sources").iterdir():
        path.unlink()
    with pytest.raises(ConfigError, match="holds no source; add one file"):
        load_mappings(settings)


def test_two_files_may_not_share_a_name(settings: Settings):
    folder = settings.config / "sources"
    (folder / "second.yml").write_text(
        (folder / "erp.yml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="source 'erp' is already defined in erp.yml"):
        load_mappings(settings)


def test_an_unknown_source_is_named_with_the_known_ones(settings: Settings):
    with pytest.raises(ConfigError, match="no source 'crm'; it defines: billing, erp"):
        get_mapping(settings, "crm")


GROUP = ("atacado", "varejo")


def of_group(tmp_path: Path, text: str):
    path = tmp_path / "shop.yml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path, GROUP)


def test_a_source_names_its_creditor(tmp_path: Path):
    mapping = of_group(tmp_path, GOOD.replace("source: shop", "source: shop\ncreditor: varejo"))
    assert (mapping.creditors, mapping.default_creditor) == (GROUP, "varejo")


def test_the_only_creditor_needs_no_name(tmp_path: Path):
    mapping = load(tmp_path, GOOD)
    assert (mapping.creditors, mapping.default_creditor) == (("principal",), "principal")


@pytest.mark.parametrize(
    "query", ["select 1 as receivable_id, owner as creditor", "select * from t"]
)
def test_rows_may_name_their_creditor(tmp_path: Path, query):
    text = GOOD.replace("select 1 as receivable_id", query)
    assert of_group(tmp_path, text).default_creditor is None


def test_a_source_that_names_none_of_several_creditors_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError) as refused:
        of_group(tmp_path, GOOD)
    assert str(refused.value) == (
        f"{tmp_path}/shop.yml:1: 'creditor' is missing, and there are several (atacado, varejo); "
        "write whose receivables these are, for example creditor: atacado, or have the queries "
        "return a column creditor."
    )


def test_a_creditor_without_a_file_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError) as refused:
        of_group(tmp_path, GOOD.replace("source: shop", "source: shop\ncreditor: atacada"))
    assert str(refused.value) == (
        f"{tmp_path}/shop.yml:2: there is no creditor 'atacada'; name one of atacado, varejo, or "
        "add creditors/atacada.yml."
    )


def test_the_creditors_are_those_of_the_configuration(settings: Settings):
    folder = settings.config / "creditors"
    folder.mkdir()
    (settings.config / "creditor.yml").rename(folder / "varejo.yml")
    mappings = load_mappings(settings)
    assert {mapping.default_creditor for mapping in mappings.values()} == {"varejo"}
    (folder / "atacado.yml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'creditor' is missing, and there are several"):
        load_mappings(settings)
