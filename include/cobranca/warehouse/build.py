"""Build one night: load what landed, run dbt by layer, freeze the result as a candidate batch."""

import json
import os
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cobranca.errors import BuildFailed, ConfigError
from cobranca.partitions import outbound_partition
from cobranca.partitions.erasure_lock import waits_for_erasures
from cobranca.partitions.manifest import (
    FileEntry,
    Manifest,
    discard,
    draft_folder,
    publish,
    read_manifest,
    write_atomically,
)
from cobranca.policy.publish import default_tables
from cobranca.schema import ENTITIES, RAW
from cobranca.settings import Settings
from cobranca.warehouse.dbt import DEFAULT_BAND_DAYS, model_keys, run_dbt
from cobranca.warehouse.engines import open_warehouse

if TYPE_CHECKING:
    import pyarrow as pa

LAYERS = {
    "staging": "path:models/staging",
    "intermediate": "path:models/intermediate",
    "marts": "path:models/marts/collections",
    "finance": "path:models/marts/finance",
    "outbound": "path:models/outbound",
}
LAST = "outbound"
# Unit tests hold the rules on made-up rows; a night needs only the tests of its own data.
_WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
# What freezing reads of the manifest is the same whichever layer writes it, and writing takes as
# long as a small layer.
_WITHOUT_MANIFEST = ("--no-write-json",)
LANDED = ("sources", "policy", "feedback")


def build(settings: Settings, business_date: date) -> Manifest:
    """Load, build every layer in one dbt run, freeze; return the candidate batch.

    Raises:
        PartitionError: something has not landed for that date, or was changed since.
        BuildFailed: a model or one of its tests failed.
    """
    prepare(settings, business_date)
    run_all(settings, business_date)
    return freeze(settings, business_date)


@waits_for_erasures
def prepare(settings: Settings, business_date: date) -> None:
    """Load the landed files of this date as the ``raw`` tables, after verifying every file.

    What was loaded is noted, so that the batch frozen later names the landing it was built from,
    even when another one lands in between.

    Raises:
        PartitionError: a part of the landing is absent or was changed after it was written.
        ConfigError: the landed calendar does not reach the business date and a month beyond it.
    """
    landed = {
        part: read_manifest(settings.folder("landing", business_date, part), verify=True)
        for part in LANDED
    }
    files = raw_files(landed.values(), _work(settings))
    _check_calendar(files["policy_calendar"], business_date)
    open_warehouse(settings.warehouse).load(files)
    loaded = {
        "business_date": business_date.isoformat(),
        "inputs": {part: manifest.batch_id for part, manifest in landed.items()},
        "band_days": _band_days(files["policy_bands"]),
    }
    write_atomically(_loaded(settings), json.dumps(loaded))


def raw_files(landed: Iterable[Manifest], work: Path) -> dict[str, list[Path]]:
    """The landed files of each ``raw`` table, in a fixed order.

    A policy table that did not exist yet when the night was frozen has the defaults that the night
    followed; they are written to ``work``.
    """
    files: dict[str, list[Path]] = {table: [] for table in RAW}
    for manifest in landed:
        for entry in manifest.files:
            table = Path(entry.name).stem
            if any(table == f"{entity}__quarantine" for entity in ENTITIES):
                table = "quarantine"
            if table in files:
                files[table].append(manifest.path(entry.name))
    for table, rows in default_tables().items():
        if not files[table]:
            files[table].append(_written(rows, work / "defaults" / f"{table}.parquet"))
    return files


def _written(rows: "pa.Table", path: Path) -> Path:
    """Write a table that may be written by several processes at once; each writes the same."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_suffix(f".{os.getpid()}")
    pq.write_table(rows, own)
    os.replace(own, path)
    return path


def _band_days(files: list[Path]) -> list[int]:
    """The last day past due of each band that has one, in order."""
    import pyarrow.parquet as pq

    days = pq.read_table(files, columns=["last_day"])["last_day"].to_pylist()
    return sorted(day for day in days if day)


def run_all(settings: Settings, business_date: date) -> None:
    """Build every layer in one dbt run, which spares dbt's start for each of them."""
    _run(settings, business_date, "build", *_WITHOUT_UNIT_TESTS)


def build_layer(settings: Settings, business_date: date, layer: str) -> None:
    """Build one layer and run its tests.

    Raises:
        ConfigError: there is no such layer.
        BuildFailed: a model or one of its tests failed.
    """
    if layer not in LAYERS:
        raise ConfigError(f"there is no layer '{layer}'; use one of: {', '.join(LAYERS)}.")
    selected = (
        "--select",
        LAYERS[layer],
        "--indirect-selection",
        "buildable",
        *_WITHOUT_UNIT_TESTS,
    )
    _run(settings, business_date, "build", *selected, *(() if layer == LAST else _WITHOUT_MANIFEST))


@waits_for_erasures
def freeze(settings: Settings, business_date: date) -> Manifest:
    """Export every published table into the candidate batch.

    Only the gate may turn it into the approved one.

    Raises:
        BuildFailed: the warehouse holds another date.
    """
    inputs = _loaded_inputs(settings, business_date)
    warehouse = open_warehouse(settings.warehouse)
    root = outbound_partition.candidate_root(settings, business_date)
    draft = draft_folder(root, "freeze")
    discard(draft)
    draft.mkdir(parents=True)
    rows = warehouse.export(model_keys(_work(settings)), draft)
    files = [FileEntry.of(draft, f"{table}.parquet", count) for table, count in rows.items()]
    return publish(
        root, draft, kind="candidate", business_date=business_date, files=files, inputs=inputs
    )


@waits_for_erasures
def _run(settings: Settings, business_date: date, *arguments: str) -> None:
    warehouse = open_warehouse(settings.warehouse)
    run_dbt(
        *arguments,
        environment=warehouse.dbt_environment(),
        business_date=business_date,
        work=_work(settings),
        band_days=_loaded_night(settings, business_date).get("band_days", DEFAULT_BAND_DAYS),
    )


def _check_calendar(files: list[Path], business_date: date) -> None:
    """Nothing is built on a calendar that ends: due dates beyond it would vanish."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    days = pq.read_table(files, columns=["day"])["day"] if files else []
    covers, reaches = "is empty", False
    if len(days):
        first, last = pc.min(days).as_py(), pc.max(days).as_py()
        covers = f"covers {first} to {last}"
        reaches = first <= business_date and last >= business_date + timedelta(days=31)
    if not reaches:
        raise ConfigError(
            f"the calendar that landed for {business_date} {covers} and does not reach a month "
            "beyond that date; land the policy again with a calendar that does."
        )


def _loaded_inputs(settings: Settings, business_date: date) -> dict[str, str]:
    inputs: dict[str, str] = _loaded_night(settings, business_date)["inputs"]
    return inputs


def _loaded_night(settings: Settings, business_date: date) -> dict[str, Any]:
    """What was noted when the night was loaded.

    Raises:
        BuildFailed: the warehouse holds another date.
    """
    path = _loaded(settings)
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if loaded.get("business_date") != business_date.isoformat():
        held = loaded.get("business_date", "no night")
        raise BuildFailed(
            f"the warehouse holds {held} and not {business_date}; load and build that date first."
        )
    return loaded


def _loaded(settings: Settings) -> Path:
    return _work(settings) / "loaded.json"


def _work(settings: Settings) -> Path:
    return settings.data / ".dbt"
