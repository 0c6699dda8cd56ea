"""Keys are taken apart for the conditions that a query offers."""

from pathlib import Path

import pytest

from cobranca.sources.mapping.key_conditions import Condition, conditions, inject_conditions
from source_files import load, with_query


def test_a_comment_that_names_a_part_of_a_key_is_kept(tmp_path: Path):
    text = (
        with_query("select 1 from p where a = 1 /* by receivable_id.2 and p.c in (#) */")
        + "    joined: {receivable_id: 1|2|3}\n"
    )
    payments = load(tmp_path, text).entities.payments
    assert payments.joined == {"receivable_id": "1|2|3"}
    assert list(conditions(payments.query)) == [Condition("receivable_id", 2, "and p.c in (#)")]


@pytest.mark.parametrize(
    ("joined", "key", "part", "found"),
    [
        ("1/2", "a/2", 1, ["a"]), ("1/2", "a/2", 2, ["2"]), ("1/2", "a", 1, []),
        ("1/2", "a/b/2", 1, ["a", "a/b", "b"]),
        ("1/2", "a/b/2", 2, ["b", "b/2", "2"]), ("1|2|3", "a|b|c", 2, ["b"]),
        ("1", "a/b", 1, ["a/b"]),
    ],
)  # fmt: skip
def test_a_key_is_taken_apart_in_every_way_it_could_have_been_joined(
    joined: str, key: str, part: int, found: list[str]
):
    query, parameters = inject_conditions(
        f"/* by k.{part} and c in (?) */", "k", [key], joined, blanks_count=False
    )
    assert parameters == ({f"text_{part}": found} if found else {})
    assert query == (f"and c in :text_{part}" if found else "and 1 = 0")


@pytest.mark.parametrize(
    ("condition", "blanks_count", "query", "parameters"),
    [
        ("and t.c in (?)", True, "and rtrim(t.c) in :text_1", {"text_1": ["7", "x"]}),
        ('and t."C" in (#)', True, 'and t."C" in :whole_1', {"whole_1": [7]}),
        ("and m in (select d from l where l.c in (#))", False, ("and m in (select d from l where "
            "l.c in :whole_1)"),
         {"whole_1": [7]}),
    ],
)  # fmt: skip
def test_a_condition_takes_text_or_whole_numbers(
    condition: str, blanks_count: bool, query: str, parameters: dict
):
    found = inject_conditions(
        f"/* by k.1 {condition} */", "k", ["7/1", "x/1", "7/2"], "1/2", blanks_count=blanks_count
    )
    assert found == (query, parameters)
    # Oracle takes an empty text for NULL: such a part is not asked for. Another key's condition
    # stays a comment.
    assert inject_conditions(
        "/* by k.1 and c in (?) */", "k", ["/1", "x/1"], "1/2", blanks_count=False
    ) == ("", {})
    assert inject_conditions(
        "/* by k.1 and c in (?) */", "j", ["x/1"], None, blanks_count=False
    ) == (
        "/* by k.1 and c in (?) */",
        {},
    )
