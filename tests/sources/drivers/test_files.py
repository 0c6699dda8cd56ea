"""A folder of exports is a source like any other: exact, refused whole when a file cannot be
believed, and discreet.
"""

import logging
import tempfile
import traceback
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cobranca.errors import ConfigError, SourceError
from cobranca.landing import land
from cobranca.partitions import landing_partition
from cobranca.settings import Settings
from cobranca.sources import current_state
from cobranca.sources.check import check
from cobranca.sources.drivers import csv_files, file_listing, files
from cobranca.sources.file_cache import FileCache
from cobranca.sources.mapping.load import get_mapping
from cobranca.sources.open_snapshot import open_snapshot
from cobranca.sources.source_problem import FileProblem
from source_databases import D, landed, refused

YAML = """\
source: planilha
folder: {folder}
entities:
  customers:
    files: "clientes_*.csv"
    csv: {{delimiter: ";", encoding: {encoding}}}
    query: >-
      select codigo as customer_id, "Razão Social" as name, cnpj as tax_id, email from customers
  receivables:
    files: titulos.csv
    csv: {{delimiter: ";", decimal: ",", date_format: "%d/%m/%Y"}}
  payments:
    files: "baixas/*.csv"
    csv: {{delimiter: ";", decimal: ",", date_format: "%d/%m/%Y"}}
"""
CLIENTS = (
    'codigo;Razão Social;cnpj;email\n0001;"Açaí; '
    'Cia";11.222.333/0001-81;canario@empresa.com.br\n0002;Maria;;\n'
)
TITLES = (
    "receivable_id;customer_id;due_date;amount;updated_at\n"
    "0001;0001;03/11/2026;1.234,56;17/11/2026 10:30:00\n"
    "2;0002;2026-11-03;R$ 10,00;\n"
    "3;0002;03/11/2026;1.000;\n"
    "4;0002;03/11/2026;10.50;\n"
    "5;0002;31/11/2026;1,00;\n"
)
PAID = (
    "payment_id;receivable_id;paid_on;amount\n1;0001;10/11/2026;-34,56\n2;0001;10/11/2026;34,56\n"
)


@pytest.fixture
def exports(settings: Settings, tmp_path: Path) -> Path:
    for path in (settings.config / "sources").glob("*.yml"):
        path.unlink()
    folder = tmp_path / "exports"
    (folder / "baixas").mkdir(parents=True)
    (folder / "clientes_1.csv").write_text(CLIENTS, encoding="utf-8")
    (folder / "titulos.csv").write_text(TITLES, encoding="utf-8")
    (folder / "baixas" / "1.csv").write_text(PAID, encoding="utf-8")
    write_mapping(settings, YAML.format(folder=folder, encoding="utf-8"))
    return folder


def write_mapping(settings: Settings, text: str) -> None:
    (settings.config / "sources" / "planilha.yml").write_text(text, encoding="utf-8")


def test_brazilian_files_are_read_exactly(settings: Settings, exports: Path):
    published = land.land_all(settings, D, "run")
    customers = landed(published, "planilha", "customers")
    assert [(row["customer_id"], row["name"], row["tax_id"]) for row in customers] == [
        ("0001", "Açaí; Cia", "11222333000181"), ("0002", "Maria", None),
    ]  # fmt: skip
    titles = {row["receivable_id"]: row for row in landed(published, "planilha", "receivables")}
    assert {key: row["amount"] for key, row in titles.items()} == {
        "0001": Decimal("1234.56"), "2": Decimal("10.00"), "3": Decimal("1000.00"),
    }  # fmt: skip
    assert {row["due_date"] for row in titles.values()} == {date(2026, 11, 3)}
    assert refused(published, "planilha", "receivables") == {"4": "unreadable", "5": "unreadable"}
    assert refused(published, "planilha", "payments") == {"1": "not_positive"}
    assert published.entry("planilha/payments.parquet").totals["source_control"] == "compared"


def test_each_currency_of_files_is_counted_and_added_by_itself(settings: Settings, exports: Path):
    """What cannot be read as an amount is in no sum, and the others are compared all the same."""
    amounts = [
        "1.000,00",
        "R$ 10,00",
        "-R$ 5,00",
        "10.50",
        "dez",
        "0,30000000000000004",
        "1.000.000.000.000.000,00",
        "\u00a07,25",
    ]
    long = "9" * 151
    lines = [
        f"{n};0002;03/11/2026;{amount};{'usd' if n == 1 else ''};"
        for n, amount in enumerate(amounts)
    ]
    lines.append(f"{long};0002;03/11/2026;1,00;;")
    header = "receivable_id;customer_id;due_date;amount;currency;updated_at\n"
    (exports / "titulos.csv").write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    (exports / "baixas" / "1.csv").write_text(PAID.replace("0001;10", "0;10"), encoding="utf-8")
    published = land.land_all(settings, D, "run")
    totals = published.entry("planilha/receivables.parquet").totals
    reported = {name: value for name, value in totals.items() if name.startswith("source")}
    assert reported == {
        "source_control": "compared", "source rows BRL": "8", "source rows USD": "1",
        "source sum BRL": "1000000000001003.55000000000000004", "source sum USD": "10.00",
        "source sum not landable BRL": "0.30000000000000004",
    }  # fmt: skip
    assert refused(published, "planilha", "receivables") == {
        "2": "not_positive", "3": "unreadable", "4": "unreadable", "5": "too_many_decimals",
        "6": "too_large",
        long: "too_long",
    }  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_encodings_and_line_ends(settings: Settings, exports: Path, encoding: str):
    named = "utf-8" if encoding == "utf-8-sig" else encoding
    write_mapping(settings, YAML.format(folder=exports, encoding=named))
    (exports / "clientes_1.csv").write_bytes(CLIENTS.replace("\n", "\r\n").encode(encoding))
    published = land.land_all(settings, D, "run")
    assert [row["name"] for row in landed(published, "planilha", "customers")] == [
        "Açaí; Cia",
        "Maria",
    ]


CANARY = "529.982.247-25;João da Silva;canario@empresa.com.br"


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("titulos.csv", TITLES[:-30], ("file 'titulos.csv', line 5: it is not ended: the file is "
            "half written")),
        ("titulos.csv", TITLES[:-20] + "\n", ("file 'titulos.csv', line 6: it has 2 fields instead "
            "of 5")),
        ("titulos.csv", TITLES + f"9;{CANARY};1;1;1\n", "line 7: it has 7 fields instead of 5"),
        ("titulos.csv", TITLES + f'9;"{CANARY}\n', "line 7: it is no well-formed CSV"),
        ("titulos.csv", TITLES + f'9;"a" {CANARY};;\n', "line 7: it is no well-formed CSV"),
        ("titulos.csv", TITLES + "\n\n9;1;03/11/2026;1,00;\n", ("line 7: it is empty, and more "
            "follows")),
        ("titulos.csv", TITLES + "9;\0\0\0;;;\n", "line 7: it holds zero bytes"),
        ("titulos.csv", b"receivable_id;customer_id\n1;Jo\xe3o\n", ("line 2: it is not written in "
            "utf-8")),
        ("titulos.csv", "", "line 1: the file is empty"),
        ("titulos.csv", "receivable_id;customer_id;customer_id\n", ("line 1: column 3 of the "
            "header has a name that another")),
        ("titulos.csv", "receivable_id;;amount\n", "line 1: column 2 of the header has no name"),
        ("titulos.csv", "receivable_id;customer_id;due_date;amount\n1;" + "x" * 1_000_001 + ";;\n",
            "larger than field limit"),
        ("clientes_2.csv", f"nome;cpf;email;outro\n{CANARY};\n", ("file 'clientes_2.csv', line 1: "
            "the header differs")),
        ("clientes_1.csv", f"{CANARY};x\n", "query does not fit the files"),
        ("titulos.csv", "receivable_id;customer_id;due_date;amount;valor\n",
            "unknown column 'valor'; rename it"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_believed_is_refused_whole(
    settings: Settings,
    exports: Path,
    file: str,
    content: str | bytes,
    words: str,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.DEBUG)
    first = land.land_all(settings, D, "run 1")
    (exports / file).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SourceError, match=words) as error:
        land.land_all(settings, D, "run 2")
    assert landing_partition.read_landing(settings, D, verify=True) == first
    assert not list(first.folder.parent.glob(".draft-*/*"))
    shown = "".join(traceback.format_exception(error.value)) + caplog.text + repr(check(settings))
    for canary in ("529.982", "João", "canario@"):
        assert canary not in shown


def test_a_file_that_is_written_while_it_is_read_is_refused(
    settings: Settings, exports: Path, monkeypatch: pytest.MonkeyPatch
):
    read = csv_files.csv_tables

    def and_somebody_writes(path, how):
        yield from read(path, how)
        with path.open("a") as handle:
            handle.write("6;0002;03/11/2026;1,00;\n")

    monkeypatch.setattr(files, "csv_tables", and_somebody_writes)
    with pytest.raises(
        SourceError, match="file 'clientes_1.csv' changed while it was read; have it written again"
    ):
        land.land_all(settings, D, "run")


def test_whole_exports_count_by_the_newest_name(settings: Settings, exports: Path):
    (exports / "clientes_2.csv").write_text(
        CLIENTS.replace("Maria", "Maria da Conceição"), encoding="utf-8"
    )
    text = YAML.format(folder=exports, encoding="utf-8")
    write_mapping(settings, text.replace('"clientes_*.csv"', '"clientes_*.csv"\n    take: newest'))
    published = land.land_all(settings, D, "run")
    assert landed(published, "planilha", "customers")[1]["name"] == "Maria da Conceição"
    assert published.entry("planilha/customers.parquet").totals["rows_read"] == "2"


def test_a_query_sees_the_file_names_and_nothing_else_of_the_machine(
    settings: Settings, exports: Path
):
    text = YAML.format(folder=exports, encoding="utf-8")
    write_mapping(
        settings, text.replace(" email from", " file_name || ':' || file_line as city from")
    )
    published = land.land_all(settings, D, "run")
    assert [row["city"] for row in landed(published, "planilha", "customers")] == [
        "clientes_1.csv:2",
        "clientes_1.csv:3",
    ]
    with open_snapshot(get_mapping(settings, "planilha")) as snapshot:
        for query in (
            "select * from read_csv('/etc/passwd')",
            "select * from '/etc/passwd'",
            "select getenv('HOME')",
        ):
            with pytest.raises(SourceError):
                snapshot.rows("customers", query)


@pytest.mark.parametrize("cents", [False, True])
def test_parquet_and_csv_files_of_one_source(settings: Settings, exports: Path, cents: bool):
    amount = (
        pa.array([123456, 1000])
        if cents
        else pa.array([Decimal("1234.56"), Decimal("10.00")], pa.decimal128(12, 2))
    )
    table = pa.table({
        "receivable_id": ["0001", "2"], "customer_id": ["0001", "0002"],
        "due_date": pa.array([date(2026, 11, 3)] * 2),
        "amount": amount,
    })  # fmt: skip
    pq.write_table(table, exports / "titulos.parquet")
    text = YAML.format(folder=exports, encoding="utf-8").replace(
        "files: titulos.csv", "files: titulos.parquet"
    )
    head, _, tail = text.partition('    csv: {delimiter: ";", decimal: ","')
    write_mapping(
        settings, head + ("    cents: [amount]\n" if cents else "") + tail.partition("\n")[2]
    )
    published = land.land_all(settings, D, "run")
    amounts = {row["amount"] for row in landed(published, "planilha", "receivables")}
    assert amounts == {Decimal("10.00"), Decimal("1234.56")}
    assert published.entry("planilha/receivables.parquet").totals["amount BRL"] == "1244.56"
    (exports / "titulos.parquet").write_bytes((exports / "titulos.parquet").read_bytes()[:-20])
    with pytest.raises(SourceError, match="file 'titulos.parquet', is no readable Parquet file"):
        land.land_all(settings, D, "run 2")


def test_a_missing_file_or_folder_is_named(
    settings: Settings, exports: Path, monkeypatch: pytest.MonkeyPatch
):
    (exports / "titulos.csv").unlink()
    with pytest.raises(
        SourceError,
        match=rf"the folder {exports} holds no file 'titulos.csv'; have the files put there",
    ):
        land.land_all(settings, D, "run")
    write_mapping(settings, YAML.format(folder="/nowhere", encoding="utf-8"))
    assert "the folder /nowhere does not exist" in check(settings)[0].problem


def test_the_folder_may_be_a_connection(
    settings: Settings, exports: Path, monkeypatch: pytest.MonkeyPatch
):
    write_mapping(
        settings,
        YAML.format(folder="", encoding="utf-8").replace("folder: ", "connection: planilhas"),
    )
    with pytest.raises(ConfigError, match="connection 'planilhas' is not defined"):
        land.land_all(settings, D, "run")
    monkeypatch.setenv("AIRFLOW_CONN_PLANILHAS", f"file://{exports}")
    assert land.land_all(settings, D, "run").entry("planilha/customers.parquet").rows == 2


def test_the_pre_send_check_reads_the_files_again(settings: Settings, exports: Path):
    (exports / "baixas" / "2.csv").write_text(PAID.replace("2;0001", "9;0001"), encoding="utf-8")
    assert current_state.read_payments(settings, "planilha", ["0001", "2"]) == {
        "0001": Decimal("69.12"),
        "2": Decimal("0.00"),
    }


def test_files_stay_open_between_checks_until_one_of_them_changes(
    settings: Settings, exports: Path
):
    mapping, good = get_mapping(settings, "planilha"), PAID.replace("-34,56", "10,00")
    (exports / "baixas" / "1.csv").write_text(good, encoding="utf-8")
    with closing(FileCache()) as kept:

        def paid():
            return current_state.read_current_state(settings, "planilha", ["0001"], kept)[
                "0001"
            ].paid

        first = kept.open(mapping)
        assert paid() == Decimal("44.56") and kept.open(mapping) is first
        (exports / "baixas" / "2.csv").write_text(
            good.replace("2;0001", "9;0001"), encoding="utf-8"
        )
        assert paid() == Decimal("79.12") and kept.open(mapping) is not first
        (exports / "baixas" / "2.csv").write_text(good[:-1], encoding="utf-8")
        for _ in range(2):
            with pytest.raises(FileProblem, match="file '2.csv', line 3: it is not ended"):
                paid()
        (exports / "baixas" / "2.csv").unlink()
        assert paid() == Decimal("44.56")


def test_an_open_source_leaves_no_data_behind_when_its_process_is_killed(
    settings, exports, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_snapshot(get_mapping(settings, "planilha")) as snapshot:
        assert not [
            path
            for folder in tmp_path.glob("cobranca-files-*")
            for path in folder.rglob("*")
            if path.is_file()
        ]
        assert snapshot.rows("payments", "select count(*) from payments") == [(2,)]


@pytest.mark.parametrize(
    "pattern",
    ["*.csv", "baixas/*.csv", "*/*.csv", "**/*.csv", "titulos.csv", "b*/[12].csv", "no/*", "*"],
)
def test_files_are_found_as_path_glob_finds_them(exports: Path, pattern: str):
    for name in (".hidden.csv", "Baixas.CSV", "baixas/2.csv.part", "baixas/folder.csv/3.csv"):
        (exports / name).parent.mkdir(exist_ok=True)
        (exports / name).write_text("x", encoding="utf-8")
    (exports / "linked.csv").symlink_to("titulos.csv")
    (exports / "broken.csv").symlink_to("nowhere.csv")
    found = sorted(path for path, _ in file_listing.present(exports, pattern))
    assert found == sorted(str(path) for path in exports.glob(pattern) if path.is_file())


def test_a_file_that_goes_while_it_is_read_is_one_that_changed(settings: Settings, exports: Path):
    mapping, path = get_mapping(settings, "planilha"), exports / "titulos.csv"
    with (
        pytest.raises(FileProblem, match="file 'titulos.csv' changed while it was read"),
        file_listing.unchanged(mapping, "x", path),
    ):
        path.unlink()
    with (
        pytest.raises(FileProblem, match="changed while it was read"),
        file_listing.unchanged(mapping, "x", path),
    ):
        pass


def test_files_without_a_header_or_a_last_line_end(settings: Settings, exports: Path):
    text = YAML.format(folder=exports, encoding="utf-8")
    how = (
        'csv: {delimiter: ";", columns: [codigo, "Razão Social", cnpj, email], final_newline: '
        "false}"
    )
    write_mapping(settings, text.replace('csv: {delimiter: ";", encoding: utf-8}', how))
    (exports / "clientes_1.csv").write_text(
        CLIENTS.partition("\n")[2].rstrip("\n"), encoding="utf-8"
    )
    assert land.land_all(settings, D, "run").entry("planilha/customers.parquet").rows == 2


def test_only_a_header_is_a_table_of_no_rows(settings: Settings, exports: Path):
    (exports / "baixas" / "1.csv").write_text(PAID.partition("\n")[0] + "\n", encoding="utf-8")
    published = land.land_all(settings, D, "run")
    assert published.entry("planilha/payments.parquet").rows == 0
