"""Run dbt in this process: one invocation per layer, tests included, with readable failures."""

import gc
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cobranca.errors import BuildFailed
from cobranca.policy.bands import Bands
from cobranca.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

PROJECT = PROJECT_ROOT / "dbt"


DEFAULT_BAND_DAYS = Bands().last_days


def run_dbt(
    *arguments: str,
    environment: Mapping[str, str],
    business_date: date,
    work: Path,
    band_days: Sequence[int] = DEFAULT_BAND_DAYS,
) -> None:
    """Invoke dbt on the project.

    Args:
        arguments: the command and its selection, for example ``"build", "--select",
            "path:models/staging"``.
        environment: variables of the profile; set only while dbt runs, and never written to disk.
        business_date: the night, which SQL reads as ``var('business_date')``.
        work: folder for dbt's ``target`` and logs, kept between runs so that parsing is
            incremental.
        band_days: the last day past due of each aging band but the oldest, for
            ``dbt/macros/bands.sql``.

    Raises:
        BuildFailed: a model, a test or a contract failed; each is named with the message of dbt.
    """
    night = {
        "COBRANCA_BUSINESS_DATE": business_date.isoformat(),
        "COBRANCA_BAND_DAYS": ",".join(str(day) for day in band_days),
    }
    with _environment({**environment, **night}), _no_collector():
        result = invoke(arguments, work)
    if environment.get("COBRANCA_DBT_TARGET") == "duckdb":
        # dbt keeps the file open, and locked, until its process ends.
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    if result.success:
        return
    problems = [
        f"{node.node.resource_type} {node.node.name}: {_cause(node.message)}"
        for node in getattr(result.result, "results", None) or []
        if str(node.status) in ("error", "fail", "runtime error")
    ]
    if not problems:
        words = str(result.exception or "dbt stopped without a message").split()
        problems.append(" ".join(words))
    raise BuildFailed(
        f"the warehouse build failed for {business_date}; the last approved outputs stay.\n  "
        + "\n  ".join(problems)
    )


def invoke(arguments: Sequence[str], work: Path) -> "dbtRunnerResult":
    """What dbt says of one command."""
    from dbt.cli.main import dbtRunner
    from dbt_common.events.event_manager_client import ctx_set_event_manager

    from cobranca.warehouse.dbt_events import Failures

    ctx_set_event_manager(Failures())
    return dbtRunner().invoke(
        [
            *arguments,
            "--project-dir", str(PROJECT),
            "--profiles-dir", str(PROJECT),
            "--target-path", str(work / "target"),
            "--log-path", str(work / "logs"),
            # what it would print is in its result
            "--log-level", "none",
            "--log-level-file", "none",
        ]
    )  # fmt: skip


def read_dbt_manifest(work: Path) -> dict[str, Any]:
    """What dbt knew of the project at the end of its last run."""
    manifest: dict[str, Any] = json.loads(
        (work / "target" / "manifest.json").read_text(encoding="utf-8")
    )
    return manifest


def model_keys(work: Path) -> dict[str, tuple[str, list[str]]]:
    """Published tables by name: ``{table: (relation, key columns)}``.

    Read from the manifest of dbt's last run. Every model of the schemas that other parts read
    declares ``meta: {key: [...]}``, its grain.

    Raises:
        BuildFailed: a published model declares no key.
    """
    tables = {}
    for node in read_dbt_manifest(work)["nodes"].values():
        if node["resource_type"] == "model" and node["schema"] in ("marts", "finance", "outbound"):
            key = node["config"]["meta"].get("key")
            if not key:
                raise BuildFailed(
                    f"model {node['name']} declares no key; add 'config: {{meta: {{key: "
                    f"[...]}}}}' to its yml."
                )
            tables[node["name"]] = (f"{node['schema']}.{node['alias']}", key)
    return dict(sorted(tables.items()))


def _cause(message: str | None) -> str:
    """The line that says what is wrong, and the place in the statement where the engine names it.

    dbt's first line often only repeats the node's name. What else an engine says may hold data.
    """
    lines = [line.strip() for line in (message or "").splitlines() if line.strip()]
    causes = [line for line in lines if " Error in " not in line] or lines or ["no message"]
    place = [f"({line})" for line in lines if line.startswith("LINE ")]
    return " ".join([causes[0], *place[:1]])


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    variables = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1", **variables}
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _no_collector() -> Iterator[None]:
    """Python's garbage collector at rest.

    What dbt knows of the project lives until it ends. To look through it again and again takes a
    sixth of a small night; the memory it gives back before the end is some 130 MiB.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
