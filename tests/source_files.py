"""A source's YAML file that is right, and how a changed one is loaded."""

from pathlib import Path

from cobranca.sources.mapping.load import load_mapping
from cobranca.sources.mapping.model import SourceMapping

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


def load(tmp_path: Path, text: str) -> SourceMapping:
    path = tmp_path / "shop.yml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def with_query(query: str) -> str:
    return GOOD.replace("select 1 as payment_id", f"|\n      {query}")
