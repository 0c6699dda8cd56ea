"""Building one night: load what landed, run dbt layer by layer, freeze the result as a candidate batch."""

import json
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from cobranca import outbound
from cobranca.errors import BuildFailed, ConfigError
from cobranca.manifest import FileEntry, Manifest, discard, draft_folder, publish, read_manifest, write_atomically
from cobranca.privacy.turns import waits_for_erasures
from cobranca.schema import ENTITIES, RAW
from cobranca.settings import Settings
from cobranca.warehouse.dbt import model_keys, run_dbt
from cobranca.warehouse.engines import open_warehouse

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
# What freezing reads of the manifest is the same whichever layer writes it, and writing takes as long as a small layer.
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
    """Make the landed files of this date the warehouse's ``raw`` tables; every file is verified first.

    What was loaded is noted, so that the batch frozen later names the landing it was built from, whatever lands meanwhile.

    Raises:
        PartitionError: a part of the landing is absent or was changed after it was written.
        ConfigError: the landed calendar does not reach the business date and a month beyond it.
    """
    landed = {part: read_manifest(settings.folder("landing", business_date, part), verify=True) for part in LANDED}
    files = raw_files(landed.values())
    _check_calendar(files["policy_calendar"], business_date)
    open_warehouse(settings.warehouse).load(files)
    loaded = {
        "business_date": business_date.isoformat(),
        "inputs": {part: manifest.batch_id for part, manifest in landed.items()},
    }
    write_atomically(_loaded(settings), json.dumps(loaded))


def raw_files(landed: Iterable[Manifest]) -> dict[str, list[Path]]:
    """The landed files of each ``raw`` table, in a fixed order."""
    files: dict[str, list[Path]] = {table: [] for table in RAW}
    for manifest in landed:
        for entry in manifest.files:
            table = Path(entry.name).stem
            if any(table == f"{entity}__quarantine" for entity in ENTITIES):
                table = "quarantine"
            if table in files:
                files[table].append(manifest.path(entry.name))
    return files


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
    selected = ("--select", LAYERS[layer], "--indirect-selection", "buildable", *_WITHOUT_UNIT_TESTS)
    _run(settings, business_date, "build", *selected, *(() if layer == LAST else _WITHOUT_MANIFEST))


@waits_for_erasures
def freeze(settings: Settings, business_date: date) -> Manifest:
    """Export every published table into the candidate batch, which only the gate may turn into the approved one.

    Raises:
        BuildFailed: the warehouse holds another date.
    """
    inputs = _loaded_inputs(settings, business_date)
    warehouse = open_warehouse(settings.warehouse)
    root = outbound.candidate_root(settings, business_date)
    draft = draft_folder(root, "freeze")
    discard(draft)
    draft.mkdir(parents=True)
    files = []
    for table, (relation, key) in model_keys(_work(settings)).items():
        name = f"{table}.parquet"
        rows = warehouse.export(relation, key, draft / name)
        files.append(FileEntry.of(draft, name, rows))
    return publish(root, draft, kind="candidate", business_date=business_date, files=files, inputs=inputs)


@waits_for_erasures
def _run(settings: Settings, business_date: date, *arguments: str) -> None:
    warehouse = open_warehouse(settings.warehouse)
    run_dbt(*arguments, environment=warehouse.dbt_environment(), business_date=business_date, work=_work(settings))


def _check_calendar(files: list[Path], business_date: date) -> None:
    """Nothing is built on a calendar that ends: due dates beyond it would vanish."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    days = pq.read_table(files, columns=["day"])["day"] if files else []
    first, last = (pc.min(days).as_py(), pc.max(days).as_py()) if len(days) else (None, None)
    if last is None or first > business_date or last < business_date + timedelta(days=31):
        covers = f"covers {first} to {last}" if last else "is empty"
        raise ConfigError(
            f"the calendar that landed for {business_date} {covers} and does not reach a month beyond that date;"
            " land the policy again with a calendar that does."
        )


def _loaded_inputs(settings: Settings, business_date: date) -> dict[str, str]:
    path = _loaded(settings)
    loaded = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if loaded.get("business_date") != business_date.isoformat():
        held = loaded.get("business_date", "no night")
        raise BuildFailed(f"the warehouse holds {held} and not {business_date}; load and build that date first.")
    return loaded["inputs"]


def _loaded(settings: Settings) -> Path:
    return _work(settings) / "loaded.json"


def _work(settings: Settings) -> Path:
    return settings.data / ".dbt"
