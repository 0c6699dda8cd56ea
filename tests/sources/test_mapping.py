"""A source file is right, or its error names file, line and cure."""

from pathlib import Path

import pytest

from cobranca.errors import ConfigError
from cobranca.settings import Settings
from cobranca.sources.keys import Condition, conditions, narrowed
from cobranca.sources.mapping import get_mapping, load_mapping, load_mappings

GOOD = """\
source: shop
connection: shop_db
entities:
  customers:
    query: select 1 as customer_id, 'x' as name
  receivables:
    query: select 1 as receivable_id
    cents: [amount]
    incremental: {column: updated_at, lookback_days: 3}
  payments:
    query: select 1 as payment_id
"""


def load(tmp_path: Path, text: str):
    path = tmp_path / "shop.yml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def with_query(query: str) -> str:
    return GOOD.replace("select 1 as payment_id", f"|\n      {query}")


def test_a_good_file_is_read(tmp_path: Path):
    mapping = load(tmp_path, GOOD)
    assert (mapping.source, mapping.connection, mapping.statement_timeout_seconds) == ("shop", "shop_db", 900)
    assert mapping.entities.receivables.cents == ("amount",)
    assert mapping.entities.receivables.incremental.lookback_days == 3


def test_the_shipped_sources_are_valid(settings: Settings):
    assert list(load_mappings(settings)) == ["billing", "erp"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD.replace("connection: shop_db", "connection: [shop_db"), 3, "invalid YAML"),
        (GOOD.replace("  payments:\n    query: select 1 as payment_id\n", ""), 3, "'entities.payments' is missing; add it"),
        (GOOD.replace("source: shop\n", ""), 1, "'source' is missing"),
        (GOOD.replace("source: shop", "source: Shop:1"), 1, "lower-case letters"),
        (GOOD.replace("source: shop", f"source: {'s' * 41}"), 1, "at most 40 characters"),
        (GOOD + "pasword: x\n", 12, "unknown key 'pasword'; use only: source, connection, folder, entities"),
        (GOOD.replace("    cents:", "    cent:"), 8, "unknown key 'entities.receivables.cent'; use only: query, cents"),
        (GOOD + "  invoices:\n    query: select 1\n", 12, "unknown key 'entities.invoices'; use only: customers, receivables"),
        (GOOD.replace("cents: [amount]", "cents: [fine_rate]"), 8, "'fine_rate' is no money column of receivables"),
        (GOOD.replace("lookback_days: 3", "lookback_days: -1"), 9, "lookback_days"),
        (GOOD.replace("column: updated_at", "column: amount"), 9, "'amount' is no date of receivables; 'column' may be: updated"),
        (GOOD.replace("source: shop", "source: shop\nsource: shop2"), 2, "'source' is written twice (also in line 1)"),
        ("just text\n", 1, "must hold 'source'"),
        ("", 1, "must hold 'source'"),
        (GOOD.replace("column: updated_at", "column: updated_at) or (1=1"), 9, "is not a valid name; use lower-case letters"),
        (GOOD.replace("source: shop", 'source: "shop; drop table x"'), 1, "is not a valid name; use lower-case letters"),
        (GOOD.replace("cents: [amount]", 'cents: ["amount)"]'), 8, "'amount)' is no money column"),
        (GOOD.replace("connection: shop_db\n", ""), 1, "'connection' is missing; name the connection of the database"),
        (GOOD + "    cnab: {files: '*.ret', layout: febraban240, bank: '237'}\n", 1, "'folder' is missing; name the folder"),
        (GOOD + "    cnab: {files: '/etc/*.ret', layout: febraban240, bank: '237'}\n", 10, "must lie inside the source's folder"),
        (
            GOOD + "    cnab: {files: '*.ret', layout: cnab500, bank: '237'}\n",
            12,
            "there is no layout 'cnab500'; use one of: bb400",
        ),
        (GOOD + "    cnab: {files: '*.ret', layout: itau400, bank: '237'}\n", 12, "layout 'itau400' is of bank 341, not 237"),
        (GOOD + "    cnab: {files: '*.ret', layout: itau400, banc: '341'}\n", 12, "unknown key 'entities.payments.cnab.0.banc'"),
        (GOOD + "    files: recebidos.csv\n", 12, "say how these CSV files are written in 'csv'"),
        (GOOD + "    files: recebidos.csv\n    csv: {encoding: latim-1}\n", 13, "names no encoding Python knows"),
        (GOOD + "    csv: {delimiter: ';'}\n", 12, "'csv' says how files are written; name them in 'files'"),
        (GOOD.replace("query: select 1 as payment_id", "query: 5"), 11, "'entities.payments.query'"),
        (GOOD.replace("source: shop", "source: sh\0p"), 1, "invalid YAML"),
        (
            with_query("select 1 from p where 1 = 1 /* by customer_id and p.c in (?) */"),
            11,
            "the comment 'by customer_id' names no key of payments; use one of: payment_id, receivable_id",
        ),
        (
            with_query("select 1 from p where 1 = 1 /* by receivable_id.2 and p.c in (?) */"),
            11,
            "needs 'joined: {receivable_id: 1/2}' with that many parts",
        ),
        (with_query("select 1 from p where 1 = 1 /* by payment_id and p.c = 5 */"), 11, "must compare one column"),
        (
            GOOD + "    joined: {receivable_id: a/b}\n",
            12,
            "write the parts as numbers with the sign between them, for example 1/2",
        ),
    ],
)
def test_an_error_names_the_file_the_line_and_the_cure(tmp_path: Path, text: str, line: int, words: str):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    assert f"{tmp_path / 'shop.yml'}:{line}: " in str(error.value)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "query",
    [
        "select 1; delete from payments",
        "select 1; select 2",
        "delete from payments",
        "with gone as (delete from payments returning id) select id from gone",
        "select * into copy_of_it from payments",
        "select id from payments for update",
        "update payments set amount = 0",
        "drop table payments",
        "select 'unclosed",
        "select 1 /* unclosed",
        "select 1 /*! into outfile 'x' */",
        "-- only a comment",
        "call wipe()",
    ],
)
def test_a_query_is_one_select_and_nothing_else(tmp_path: Path, query: str):
    with pytest.raises(ConfigError, match=r"shop.yml:11: 'entities.payments.query' (is not|holds|has)"):
        load(tmp_path, with_query(query))


@pytest.mark.parametrize(
    "query",
    [
        "select 1 as a;",
        "SELECT 'a; delete from b' as a -- drop table c",
        'select "update" as a, `insert` as b from t /* drop */',
        "with a as (select 1 as x) select x from a",
        "select replace(a, ';', '') as a, 10 % 3 as b, '12:30' as c from t",
    ],
)
def test_harmless_queries_are_accepted(tmp_path: Path, query: str):
    assert load(tmp_path, with_query(query)).entities.payments.query == query.rstrip(";")


def test_a_comment_that_names_a_part_of_a_key_is_kept(tmp_path: Path):
    text = (
        with_query("select 1 from p where a = 1 /* by receivable_id.2 and p.c in (#) */") + "    joined: {receivable_id: 1|2|3}\n"
    )
    payments = load(tmp_path, text).entities.payments
    assert payments.joined == {"receivable_id": "1|2|3"}
    assert list(conditions(payments.query)) == [Condition("receivable_id", 2, "and p.c in (#)")]


@pytest.mark.parametrize(
    ("joined", "key", "part", "found"),
    [
        ("1/2", "a/2", 1, ["a"]), ("1/2", "a/2", 2, ["2"]), ("1/2", "a", 1, []), ("1/2", "a/b/2", 1, ["a", "a/b", "b"]),
        ("1/2", "a/b/2", 2, ["b", "b/2", "2"]), ("1|2|3", "a|b|c", 2, ["b"]), ("1", "a/b", 1, ["a/b"]),
    ],
)  # fmt: skip
def test_a_key_is_taken_apart_in_every_way_it_could_have_been_joined(joined: str, key: str, part: int, found: list[str]):
    query, parameters = narrowed(f"/* by k.{part} and c in (?) */", "k", [key], joined, blanks_count=False)
    assert parameters == ({f"text_{part}": found} if found else {})
    assert query == (f"and c in :text_{part}" if found else "and 1 = 0")


@pytest.mark.parametrize(
    ("condition", "blanks_count", "query", "parameters"),
    [
        ("and t.c in (?)", True, "and rtrim(t.c) in :text_1", {"text_1": ["7", "x"]}),
        ('and t."C" in (#)', True, 'and t."C" in :whole_1', {"whole_1": [7]}),
        ("and m in (select d from l where l.c in (#))", False, "and m in (select d from l where l.c in :whole_1)",
         {"whole_1": [7]}),
    ],
)  # fmt: skip
def test_a_condition_takes_text_or_whole_numbers(condition: str, blanks_count: bool, query: str, parameters: dict):
    found = narrowed(f"/* by k.1 {condition} */", "k", ["7/1", "x/1", "7/2"], "1/2", blanks_count=blanks_count)
    assert found == (query, parameters)
    # Oracle takes an empty text for NULL: such a part is not asked for. Another key's condition stays a comment.
    assert narrowed("/* by k.1 and c in (?) */", "k", ["/1", "x/1"], "1/2", blanks_count=False) == ("", {})
    assert narrowed("/* by k.1 and c in (?) */", "j", ["x/1"], None, blanks_count=False) == ("/* by k.1 and c in (?) */", {})


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path):
    with pytest.raises(ConfigError) as error:
        load(tmp_path, GOOD.replace("source: shop", "source: X").replace("select 1 as payment_id", "drop table x"))
    assert [line.split(": ")[0].rsplit(":", 1)[1] for line in str(error.value).splitlines()] == ["1", "11"]


def test_no_source_at_all_is_an_error(settings: Settings):
    for path in (settings.config / "sources").iterdir():
        path.unlink()
    with pytest.raises(ConfigError, match="holds no source; add one file"):
        load_mappings(settings)


def test_two_files_may_not_share_a_name(settings: Settings):
    folder = settings.config / "sources"
    (folder / "second.yml").write_text((folder / "erp.yml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ConfigError, match="source 'erp' is already defined in erp.yml"):
        load_mappings(settings)


def test_an_unknown_source_is_named_with_the_known_ones(settings: Settings):
    with pytest.raises(ConfigError, match="no source 'crm'; it defines: billing, erp"):
        get_mapping(settings, "crm")
