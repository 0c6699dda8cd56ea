"""Tests take only names that exist, also those tests that run seldom.

A renamed function breaks a test that runs in each suite at once; a test of many seeds keeps the old
name until it is run.
"""

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from types import ModuleType

import pytest

from cobranca.settings import PROJECT_ROOT

FILES = sorted((PROJECT_ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_every_name_taken_from_a_module_is_there(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = dict(_modules(tree))
    assert [
        f"{path.name}:{node.lineno}: {node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and node.value.id in modules
        and not hasattr(modules[node.value.id], node.attr)
    ] == []


def _modules(tree: ast.Module) -> Iterator[tuple[str, ModuleType]]:
    """Modules of the package by the name that the file gives them, unless it gives it twice."""
    bound = {node.id for node in ast.walk(tree) if _is_assigned(node)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cobranca"):
            for alias in node.names:
                name, module = alias.asname or alias.name, _module(f"{node.module}.{alias.name}")
                if module is not None and name not in bound:
                    yield name, module


def _is_assigned(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


@cache
def _module(name: str) -> ModuleType | None:
    """The module of that name, None where it is something else."""
    parent, _, child = name.rpartition(".")
    value = getattr(importlib.import_module(parent), child, None)
    if value is not None:
        return value if isinstance(value, ModuleType) else None
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None
