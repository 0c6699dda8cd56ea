"""The decision path: dbt's own SQL from landed rows to decisions, run on a DuckDB in memory.

dbt compiles the models once for a date that stands for any; a night is then a few statements with
the date put in, a fraction of a second instead of a build. The SQL is that of the nightly build, so
nothing here repeats a rule.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cobranca.warehouse.dbt import read_dbt_manifest, run_dbt
from cobranca.warehouse.engines import DuckDBWarehouse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Node = dict[str, Any]
"""A node of dbt's manifest, as JSON."""

DECISIONS = "int_receivables__decided"
# No rule knows this date, so wherever it stands in the compiled SQL it stands for the business
# date.
ANY_DATE = date(1111, 11, 11)


@dataclass(frozen=True)
class Model:
    """One compiled model: its SQL, and the models and ``raw`` tables that it reads directly."""

    name: str
    relation: str
    is_view: bool
    sql: str
    parents: frozenset[str]
    tables: frozenset[str]

    def statement(self, business_date: date) -> str:
        """The statement that creates the model for a night."""
        kind = "view" if self.is_view else "table"
        sql = self.sql.replace(ANY_DATE.isoformat(), business_date.isoformat())
        return f"create or replace {kind} {self.relation} as {sql}"


class DecisionPath:
    """The compiled models that lead to ``int_receivables__decided``, in the order to build them."""

    def __init__(self, models: Iterable[Model]) -> None:
        by_name = {model.name: model for model in models}
        order = TopologicalSorter(
            {name: model.parents for name, model in by_name.items()}
        ).static_order()
        self.models = [by_name[name] for name in order]

    @classmethod
    def compile(cls, work: Path, target: str = DECISIONS) -> "DecisionPath":
        """Let dbt compile everything that ``target`` needs.

        ``work`` keeps dbt's files and a database without rows.

        Raises:
            BuildFailed: the project does not compile.
        """
        database = work / "compiled.duckdb"
        environment = DuckDBWarehouse(database).dbt_environment()
        run_dbt(
            "compile",
            "--select",
            f"+{target}",
            environment=environment,
            business_date=ANY_DATE,
            work=work,
        )
        nodes = {
            name: node
            for name, node in read_dbt_manifest(work)["nodes"].items()
            if node["resource_type"] == "model"
        }
        wanted = _with_parents(f"model.cobranca.{target}", nodes)
        return cls(_model(nodes[name], f'"{database.stem}".') for name in wanted)

    def split(self, tables: Collection[str]) -> tuple[list[Model], list[Model]]:
        """The models that some of these ``raw`` tables cannot change, and those that they can."""
        touched: set[str] = set()
        for model in self.models:
            if model.tables & set(tables) or model.parents & touched:
                touched.add(model.name)
        return [m for m in self.models if m.name not in touched], [
            m for m in self.models if m.name in touched
        ]

    @staticmethod
    def create_schemas(connection: "DuckDBPyConnection") -> None:
        """Create the schemas that the models stand in."""
        for schema in ("raw", "staging", "intermediate"):
            connection.execute(f"create schema if not exists {schema}")

    def run(
        self,
        connection: "DuckDBPyConnection",
        business_date: date,
        models: Iterable[Model] | None = None,
    ) -> None:
        """Build the models (default: all) for a night from the tables in the schema ``raw``."""
        for model in self.models if models is None else models:
            connection.execute(model.statement(business_date))


def _with_parents(target: str, nodes: Mapping[str, Node]) -> set[str]:
    found: set[str] = set()
    waiting = [target]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [
                parent
                for parent in nodes[name]["depends_on"]["nodes"]
                if parent.startswith("model.")
            ]
    return found


def _model(node: Node, database: str) -> Model:
    parents = [
        parent.rsplit(".", 1)[-1]
        for parent in node["depends_on"]["nodes"]
        if parent.startswith("model.")
    ]
    tables = [
        source.rsplit(".", 1)[-1]
        for source in node["depends_on"]["nodes"]
        if source.startswith("source.")
    ]
    return Model(
        name=node["name"],
        relation=f"{node['schema']}.{node['alias']}",
        is_view=node["config"]["materialized"] == "view",
        sql=node["compiled_code"].replace(database, ""),
        parents=frozenset(parents),
        tables=frozenset(tables),
    )
