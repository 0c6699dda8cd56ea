"""Configurations of a company without a group, and of a group of two creditors."""

import re
import shutil
from pathlib import Path

from cobranca.settings import PROJECT_ROOT

# A second company's, with the right digits.
SECOND_TAX_ID = "44.555.666/0001-81"


def copy_config(target: Path) -> Path:
    """Copy the shipped configuration without the demo's second creditor; returns ``target``."""
    shutil.copytree(PROJECT_ROOT / "include" / "config", target)
    shutil.rmtree(target / "creditors")
    for source in (target / "sources").glob("*.yml"):
        text = source.read_text(encoding="utf-8")
        source.write_text(re.sub(r"^creditor:.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    return target


def make_group(config: Path) -> Path:
    """Turn ``creditor.yml`` into ``varejo``, and a copy of it into ``atacado``."""
    text = (config / "creditor.yml").read_text(encoding="utf-8")
    folder = config / "creditors"
    folder.mkdir()
    (config / "creditor.yml").rename(folder / "varejo.yml")
    other = text.replace("11.222.333/0001-81", SECOND_TAX_ID).replace("Ipê Amarelo", "Jacarandá")
    (folder / "atacado.yml").write_text(other, encoding="utf-8")
    return folder
