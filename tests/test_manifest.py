"""Partitions are replaced whole or not at all."""

import json
from datetime import date

import pytest

from cobranca.errors import PartitionError
from cobranca.partitions import manifest

DAY = date(2026, 11, 18)


def publish(root, content, run_key="run", **options):
    draft = manifest.draft_folder(root, run_key)
    entries = []
    for name, text in content.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_text(text, encoding="utf-8")
        entries.append(
            manifest.FileEntry.of(draft, name, rows=text.count("\n"), totals={"amount BRL": "1.00"})
        )
    options = {"kind": "test"} | options
    return manifest.publish(root, draft, business_date=DAY, files=entries, **options)


def test_what_was_published_is_read_back(tmp_path):
    written = publish(tmp_path, {"a.txt": "1\n2\n", "erp/b.txt": "3\n"}, inputs={"x": "1"})
    read = manifest.read_manifest(tmp_path, verify=True)
    assert read == written
    assert read.path("erp/b.txt").read_text() == "3\n"
    assert (read.entry("a.txt").rows, read.entry("a.txt").totals, read.inputs) == (
        2,
        {"amount BRL": "1.00"},
        {"x": "1"},
    )


def test_the_same_content_has_the_same_id_and_another_content_another(tmp_path):
    first = publish(tmp_path / "one", {"a": "1", "b": "2"})
    second = publish(tmp_path / "two", {"b": "2", "a": "1"}, run_key="other")
    third = publish(tmp_path / "three", {"a": "1", "b": "3"})
    renamed = publish(tmp_path / "four", {"a": "1", "c": "2"})
    assert first.batch_id == second.batch_id
    assert len({first.batch_id, third.batch_id, renamed.batch_id}) == 3


def test_the_order_of_the_files_changes_no_id(tmp_path):
    files = list(publish(tmp_path, {"a": "1", "b": "2"}).files)
    assert manifest.batch_id_of(files) == manifest.batch_id_of(files[::-1])


def test_publishing_again_replaces_the_batch_whole(tmp_path):
    old = publish(tmp_path, {"a": "1", "gone": "x"})
    new = publish(tmp_path, {"a": "2"})
    assert not old.folder.exists()
    assert sorted(path.name for path in new.folder.iterdir()) == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [new.batch_id, "manifest.json"]
    )


def test_publishing_the_same_content_again_changes_nothing(tmp_path):
    publish(tmp_path, {"a": "1"})
    before = (tmp_path / "manifest.json").read_bytes()
    again = publish(tmp_path, {"a": "1"})
    assert (tmp_path / "manifest.json").read_bytes() == before
    assert again.path("a").read_text() == "1"
    assert [path.name for path in tmp_path.glob(".draft-*")] == []


def test_a_damaged_batch_of_the_same_id_is_written_again(tmp_path):
    first = publish(tmp_path, {"a": "1"})
    first.path("a").write_text("damaged")
    publish(tmp_path, {"a": "1"})
    assert manifest.read_manifest(tmp_path, verify=True).path("a").read_text() == "1"


def test_earlier_batches_of_the_outbound_plan_are_kept(tmp_path):
    old = publish(tmp_path, {"a": "1"}, kind="outbound")
    publish(tmp_path, {"a": "2"}, kind="outbound")
    assert old.path("a").read_text() == "1"


def test_files_that_no_entry_names_are_left_out(tmp_path):
    draft = manifest.draft_folder(tmp_path, "run")
    (draft / "a").write_text("1")
    (draft / "scratch").mkdir()
    (draft / "scratch" / "half").write_text("2")
    published = manifest.publish(
        tmp_path,
        draft,
        kind="test",
        business_date=DAY,
        files=[manifest.FileEntry.of(draft, "a", rows=1)],
    )
    assert [path.name for path in published.folder.rglob("*") if path.is_file()] == ["a"]


def test_a_named_file_that_is_missing_publishes_nothing(tmp_path):
    old = publish(tmp_path, {"a": "1"})
    draft = manifest.draft_folder(tmp_path, "run")
    (draft / "a").write_text("2")
    entry = manifest.FileEntry.of(draft, "a", rows=1)
    (draft / "a").unlink()
    with pytest.raises(PartitionError, match="a.*missing"):
        manifest.publish(tmp_path, draft, kind="test", business_date=DAY, files=[entry])
    assert manifest.read_manifest(tmp_path, verify=True) == old


def test_a_crash_before_the_swap_leaves_the_old_batch(tmp_path, monkeypatch):
    old = publish(tmp_path, {"a": "1"})

    def crash(path, content):
        raise KeyboardInterrupt

    monkeypatch.setattr(manifest, "write_atomically", crash)
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, {"a": "2"})
    assert manifest.read_manifest(tmp_path, verify=True) == old
    monkeypatch.undo()
    assert publish(tmp_path, {"a": "2"}).path("a").read_text() == "2"


def test_a_retry_finds_its_own_draft(tmp_path):
    assert manifest.draft_folder(tmp_path, "run 1") == manifest.draft_folder(tmp_path, "run 1")
    assert manifest.draft_folder(tmp_path, "run 1") != manifest.draft_folder(tmp_path, "run 2")


def test_a_partition_never_published_says_so(tmp_path):
    with pytest.raises(PartitionError, match="never published"):
        manifest.read_manifest(tmp_path)


def test_a_changed_or_missing_file_is_noticed(tmp_path):
    published = publish(tmp_path, {"a": "1", "b": "2"})
    published.path("a").write_text("3")
    assert manifest.read_manifest(tmp_path) == published
    with pytest.raises(PartitionError, match="a is missing or was changed"):
        manifest.read_manifest(tmp_path, verify=True)
    published.path("a").unlink()
    with pytest.raises(PartitionError, match="a is missing or was changed"):
        manifest.read_manifest(tmp_path, verify=True)


def test_an_unreadable_manifest_names_itself(tmp_path):
    publish(tmp_path, {"a": "1"})
    for text in ("{", "[]", json.dumps({"kind": "test"})):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(PartitionError, match="manifest.json cannot be read"):
            manifest.read_manifest(tmp_path)


def test_an_unknown_file_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(PartitionError, match="no file 'z'; it holds: a, b"):
        publish(tmp_path, {"a": "1", "b": "2"}).path("z")


def test_an_atomic_write_leaves_nothing_beside_it(tmp_path):
    manifest.write_atomically(tmp_path / "deep" / "x.json", "{}")
    manifest.write_atomically(tmp_path / "deep" / "x.json", b"[]")
    assert [(path.name, path.read_text()) for path in (tmp_path / "deep").iterdir()] == [
        ("x.json", "[]")
    ]
