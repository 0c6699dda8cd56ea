"""The mutants: small mistakes as data, with the tests that must notice each.

Every ``*.yml`` of this folder is an area. An entry names the mistake and says::

    grace_day_lost:
      harm: A promise counts as broken on its last day of grace.
      file: dbt/models/…/int_promises__fulfilment_computed.sql
      from: "<= {{ … }}"                # stands once in the file; lines keep their relative indent
      to: "< {{ … }}"
      tests: [tests/…/test_….py::test_…]     # of pytest: each must fail
      examples: [a_promise_counts_until_…]   # unit tests of dbt: each must fail
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from cobranca.settings import PROJECT_ROOT

FOLDER = Path("tests") / "mutants"
DEEPEST_INDENT = 60


class UnfitMutant(Exception):
    """A mutant that cannot be applied: its entry names what the code no longer has."""


@dataclass(frozen=True)
class Mutant:
    """One mistake, the harm that it does, and the tests that must fail."""

    area: str
    name: str
    harm: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.area}/{self.name}"

    def applied_to(self, text: str) -> str:
        """The text of the file with the mistake in it.

        Raises:
            UnfitMutant: the place is not there, or more than once.
        """
        found = {
            (where, indent)
            for indent in range(DEEPEST_INDENT if "\n" in self.before else 1)
            for where in _places(text, _indented(self.before, indent))
        }
        if len(found) != 1:
            raise UnfitMutant(f"{self}: 'from' stands {len(found)} times in {self.file}, not once")
        ((where, indent),) = found
        before = _indented(self.before, indent)
        return text[:where] + _indented(self.after, indent) + text[where + len(before) :]


def _indented(lines: str, spaces: int) -> str:
    """The first line as it is, for it may begin within a line; the others moved to the right."""
    return re.sub(r"\n(?=[^\n])", "\n" + " " * spaces, lines)


def _places(text: str, part: str) -> Iterator[int]:
    where = text.find(part)
    while where >= 0:
        yield where
        where = text.find(part, where + 1)


def read_mutants(root: Path = PROJECT_ROOT) -> list[Mutant]:
    """All mutants, by area and in the order in which they are written.

    Raises:
        UnfitMutant: an entry lacks a field, has an unknown one or names no test.
    """
    return [
        _mutant(path.stem, name, fields)
        for path in sorted((root / FOLDER).glob("*.yml"))
        if path.stem != "equivalents"
        for name, fields in yaml.safe_load(path.read_text(encoding="utf-8")).items()
    ]


def _mutant(area: str, name: str, fields: dict) -> Mutant:
    fields = dict(fields)
    try:
        mutant = Mutant(
            area=area,
            name=name,
            before=fields.pop("from"),
            after=fields.pop("to"),
            tests=tuple(fields.pop("tests", ())),
            examples=tuple(fields.pop("examples", ())),
            **fields,
        )
    except (KeyError, TypeError) as error:
        raise UnfitMutant(f"{area}/{name}: {error}") from None
    if not mutant.tests and not mutant.examples:
        raise UnfitMutant(f"{mutant}: names no test that must fail")
    return mutant


def named_tests(mutants: Sequence[Mutant]) -> tuple[list[str], list[str]]:
    """The tests and the unit tests of dbt that mutants name, each once."""
    tests = dict.fromkeys(test for mutant in mutants for test in mutant.tests)
    examples = dict.fromkeys(name for mutant in mutants for name in mutant.examples)
    return list(tests), list(examples)


def models_of_examples(root: Path = PROJECT_ROOT) -> dict[str, str]:
    """The model of each unit test of dbt."""
    return {
        example["name"]: example["model"]
        for path in (root / "dbt" / "models").rglob("*.yml")
        for example in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get(
            "unit_tests", ()
        )
    }
