"""Backups: what is kept comes back as it was, and a changed byte is named before anything is written."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

import duomo
from duomo.adapters.audit import AuditLog, verify
from duomo.backup import MANIFEST, back_up, restore
from duomo.cli import cli
from duomo.cli.app import App
from duomo.errors import BackupProblem
from duomo.testing import fake_catalog


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A store that is open, an audit log, and a text."""
    runner = duomo.load("text-classification", "fake/echo", catalog=fake_catalog())
    list(runner.map(["a", "b"], store=tmp_path / "run.store"))
    with AuditLog(tmp_path / "audit.jsonl") as log:
        log.append("test", what="one")
        log.append("test", what="two")
    (tmp_path / "serve.toml").write_text('tasks = ["text-classification"]\n', "utf-8")
    return [tmp_path / name for name in ("run.store", "audit.jsonl", "serve.toml")]


def test_what_is_kept_comes_back_as_it_was(tmp_path, files):
    kept = back_up(tmp_path / "backup", files)
    assert [Path(each.path).name for each in kept] == ["run.store", "audit.jsonl.head", "audit.jsonl", "serve.toml"]
    restored = restore(tmp_path / "backup", tmp_path / "again")
    assert (tmp_path / "again" / "serve.toml").read_text("utf-8") == files[2].read_text("utf-8")
    assert verify(tmp_path / "again" / "audit.jsonl").lines == verify(files[1]).lines
    assert verify(tmp_path / "again" / "audit.jsonl").ok
    runner = duomo.load("text-classification", "fake/echo", catalog=fake_catalog())
    assert [each.ok for each in runner.map(["a", "b"], store=restored[0])] == [True, True]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_who_may_read_a_file_may_read_its_copies_and_nobody_else(tmp_path, files):
    for path in files:
        path.chmod(0o600)
    kept = back_up(tmp_path / "backup", files)
    copies = [tmp_path / "backup" / each.name for each in kept if not each.name.endswith(".head")]
    files[1].unlink()
    files[2].write_text("changed")
    restored = [path for path in restore(tmp_path / "backup", overwrite=True) if path.suffix != ".head"]
    assert [path.stat().st_mode & 0o777 for path in (*copies, *restored)] == [0o600] * 6


def test_a_store_that_is_being_written_is_copied_whole(tmp_path):
    path = tmp_path / "live.db"
    with sqlite3.connect(path) as writing:
        writing.execute("PRAGMA journal_mode = WAL")
        writing.execute("CREATE TABLE t (x)")
        writing.execute("INSERT INTO t VALUES (1)")
        writing.commit()  # it lies in the log beside the file, not in the file
        back_up(tmp_path / "backup", [path])
    writing.close()
    [copy] = restore(tmp_path / "backup", tmp_path / "again")
    with sqlite3.connect(copy) as reading:
        assert reading.execute("SELECT x FROM t").fetchall() == [(1,)]
    reading.close()


def test_a_line_that_is_half_written_is_left_out(tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_bytes(b'{"seq": 1}\n{"seq"')
    back_up(tmp_path / "backup", [log])
    [copy] = restore(tmp_path / "backup", tmp_path / "again")
    assert copy.read_bytes() == b'{"seq": 1}\n'


def test_the_last_line_of_a_table_needs_no_end(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b'{"a": 1}\n{"a": 2}')
    back_up(tmp_path / "backup", [rows])
    [copy] = restore(tmp_path / "backup", tmp_path / "again")
    assert copy.read_bytes() == b'{"a": 1}\n{"a": 2}'


def test_a_log_of_any_name_that_is_being_written_is_sound_in_the_backup(tmp_path, monkeypatch):
    path, copy = tmp_path / "decisions.log", shutil.copyfile
    log = AuditLog(path)
    log.append("test")

    monkeypatch.setattr(shutil, "copyfile", lambda source, target: (copy(source, target), log.close()))
    with path.open("ab") as file:
        file.write(b'{"seq"')  # half of the next line is on its way
    back_up(tmp_path / "backup", [path])
    _, kept = restore(tmp_path / "backup", tmp_path / "again")
    assert verify(kept) == (1, log.head, "", "")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_store_has_any_name(tmp_path):
    path = tmp_path / "50%20 #1?mode=rw.store"
    with sqlite3.connect(path) as writing:
        writing.execute("CREATE TABLE t (x)")
    writing.close()
    back_up(tmp_path / "backup", [path])
    [copy] = restore(tmp_path / "backup", tmp_path / "again")
    with sqlite3.connect(copy) as reading:
        assert reading.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]
    reading.close()


def test_what_a_killed_run_left_beside_its_store_does_not_change_the_one_that_is_restored(tmp_path):
    path, wal = tmp_path / "run.store", tmp_path / "run.store-wal"
    writing = sqlite3.connect(path)
    writing.execute("PRAGMA journal_mode = WAL")
    writing.execute("CREATE TABLE t (x)")
    writing.commit()
    back_up(tmp_path / "backup", [path])
    writing.execute("INSERT INTO t VALUES (1)")
    writing.commit()
    left = wal.read_bytes()
    writing.close()
    wal.write_bytes(left)  # as a kill leaves it
    restore(tmp_path / "backup", overwrite=True)
    with sqlite3.connect(path) as reading:
        assert reading.execute("SELECT x FROM t").fetchall() == []
    reading.close()


def damage(folder: Path, how: str) -> None:
    kept = next(each for each in sorted(folder.iterdir()) if each.name != MANIFEST)
    manifest = folder / MANIFEST
    if how == "a changed byte":
        kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    elif how == "a missing file":
        kept.unlink()
    elif how == "no manifest":
        manifest.unlink()
    elif how == "another format":
        manifest.write_text('{"format": "zip"}', "utf-8")
    else:
        record = json.loads(manifest.read_text("utf-8"))
        record["files"][0]["name"] = "../outside"
        manifest.write_text(json.dumps(record), "utf-8")


@pytest.mark.parametrize(
    "how", ["a changed byte", "a missing file", "no manifest", "another format", "a name outside of its folder"]
)
def test_a_backup_that_is_not_sound_is_refused_before_anything_is_written(tmp_path, files, how):
    back_up(tmp_path / "backup", files)
    damage(tmp_path / "backup", how)
    with pytest.raises(BackupProblem):
        restore(tmp_path / "backup", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_file_that_differs_is_not_overwritten_unasked(tmp_path, files):
    back_up(tmp_path / "backup", files)
    files[2].write_text("changed", "utf-8")
    with pytest.raises(BackupProblem, match="differs"):
        restore(tmp_path / "backup")
    assert files[2].read_text("utf-8") == "changed"
    restore(tmp_path / "backup", overwrite=True)
    assert files[2].read_text("utf-8").startswith("tasks")


def test_a_folder_that_is_not_empty_and_nothing_to_keep_are_refused(tmp_path, files):
    with pytest.raises(BackupProblem, match="not empty"):
        back_up(tmp_path, files)
    with pytest.raises(BackupProblem, match="nothing to keep"):
        back_up(tmp_path / "backup", [tmp_path / "missing"])


def test_the_commands_keep_the_configuration_check_and_restore(tmp_path, files, config):
    config("offline = true\n")
    folder = str(tmp_path / "backup")

    def duomo_does(*arguments: str) -> str:
        done = CliRunner().invoke(cli, list(arguments), obj=App(fake_catalog()))
        assert done.exit_code == 0, done.output
        return done.output

    assert len(duomo_does("backup", folder, *map(str, files)).splitlines()) == 5
    assert "5 files are as they were kept" in duomo_does("restore", folder, "--check")
    duomo_does("backup", str(tmp_path / "small"))
    assert "1 file is as it was kept" in duomo_does("restore", str(tmp_path / "small"), "--check")
    duomo_does("restore", folder, "--into", str(tmp_path / "again"))
    assert (tmp_path / "again" / "config.toml").read_text("utf-8") == "offline = true\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_device_or_a_pipe_is_neither_kept_nor_replaced(tmp_path, files):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    kept = back_up(tmp_path / "kept", [pipe, *files])
    assert str(pipe) not in {each.path for each in kept}
    file = files[0]
    file.unlink()
    os.mkfifo(file)
    for overwrite in (False, True):
        with pytest.raises(BackupProblem, match="is not an ordinary file"):
            restore(tmp_path / "kept", overwrite=overwrite)
    assert file.is_fifo()


def test_of_a_folder_all_is_kept_but_what_is_gone_when_it_is_its_turn(tmp_path, monkeypatch):
    runs = tmp_path / "runs"
    (runs / "one" / "deep").mkdir(parents=True)
    for name in ("a", "b.tmp", "one/fit.json", "one/deep/fit.json"):
        (runs / name).write_text(name)
    copy = shutil.copyfile

    def and_another_ends(source, target):
        (runs / "b.tmp").unlink(missing_ok=True)
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", and_another_ends)
    kept = back_up(tmp_path / "backup", [runs])
    assert [each.path for each in kept] == [str(runs / name) for name in ("a", "one/deep/fit.json", "one/fit.json")]
    (runs / "one" / "deep" / "fit.json").unlink()
    restore(tmp_path / "backup")
    assert (runs / "one" / "deep" / "fit.json").read_text() == "one/deep/fit.json"
