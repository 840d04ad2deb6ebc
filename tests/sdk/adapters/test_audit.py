"""A log in which whatever was done to it afterwards shows, and the first place where it was done."""

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, strategies as st

from duomo.adapters import AuditLog, Override, verify
from duomo.adapters.guards import within
from duomo.errors import AuditProblem, CannotWrite
from duomo.testing.thermometer import Thermometer


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "audit.jsonl"
    with AuditLog(path) as opened:
        for i in range(6):
            opened.append("result", key=f"k{i}", decision="accept")
    return path


def lines_of(path):
    return path.read_text().splitlines(keepends=True)


def test_a_log_that_nobody_touched_is_sound(log):
    verdict = verify(log)
    assert verdict.ok
    assert verdict.lines == 6
    assert verdict.head == json.loads(lines_of(log)[-1])["hash"]
    assert json.loads(lines_of(log)[0])["prev_hash"] == "0" * 64


def edit(lines):
    lines[3] = lines[3].replace("accept", "reject")


def edit_and_hash(lines):
    from duomo.adapters.audit import _hash, _text  # a line as a forger would make it

    line = {**json.loads(lines[3]), "decision": "reject"}
    del line["hash"]
    lines[3] = _text({**line, "hash": _hash(line, None)})


def remove(lines):
    del lines[3]


def swap(lines):
    lines[3], lines[4] = lines[4], lines[3]


def repeat(lines):
    lines.insert(3, lines[2])


def scribble(lines):
    lines[3] = "nothing to see here\n"


def cut_a_line(lines):
    lines[5] = lines[5][:-10]


def cut_the_end(lines):
    del lines[4:]


def say_it_twice(lines):
    lines[3] = lines[3].replace('"decision":"accept"', '"decision":"reject","decision":"accept"')


def nest(lines):
    lines[3] = "[" * 100_000 + "\n"


def write_it_all_anew(lines):
    from duomo.adapters.audit import GENESIS, _hash, _text  # a line as a forger would make it

    head = GENESIS
    for at, text in enumerate(lines):
        line = {**json.loads(text), "decision": "reject", "prev_hash": head}
        del line["hash"]
        head = line["hash"] = _hash(line, None)
        lines[at] = _text(line)


@pytest.mark.parametrize(
    ("crime", "words", "sound"),
    [
        (edit, "line 4 was edited", 3),
        (edit_and_hash, "line 5 does not follow from the line before it", 4),
        (remove, "line 4 has number 4 where 3 is due", 3),
        (swap, "line 4 has number 4 where 3 is due", 3),
        (repeat, "line 4 has number 2 where 3 is due", 3),
        (scribble, "line 4 is not a line of an audit log", 3),
        (cut_a_line, "line 6 is cut off", 5),
        (cut_the_end, "it has 4 lines, and 6 were noted", 4),
        (say_it_twice, "line 4 was edited: it says the same to a program", 3),
        (nest, "line 4 is not a line of an audit log", 3),
        (write_it_all_anew, "line 6 is another than was noted in 'audit.jsonl.head': it was exchanged", 6),
    ],
)
def test_whatever_is_done_to_a_log_shows_where_it_was_done(log, crime, words, sound):
    lines = lines_of(log)
    crime(lines)
    log.write_text("".join(lines))
    verdict = verify(log)
    assert not verdict.ok
    assert words in verdict.problem
    assert verdict.lines == sound


def test_a_broken_log_is_not_written_on(log):
    log.write_text("".join(lines_of(log)[1:]))
    with pytest.raises(AuditProblem, match="is broken") as caught:
        AuditLog(log)
    assert "keep it as evidence" in caught.value.fix


def test_a_head_kept_elsewhere_tells_that_the_end_is_gone(log):
    head = verify(log).head
    log.write_text("".join(lines_of(log)[:-1]))
    log.with_name("audit.jsonl.head").unlink()
    assert verify(log).ok
    assert "whether lines at the end are gone is unknown" in verify(log).doubt
    assert not verify(log, head=verify(log).head).doubt
    assert "it ends after line 5, before the line with hash" in verify(log, head=head).problem


def test_a_log_that_goes_on_without_its_head_says_so_for_ever(log):
    log.with_name("audit.jsonl.head").unlink()
    with AuditLog(log):
        pass
    assert json.loads(lines_of(log)[-1])["event"] == "head-missing"
    assert verify(log) == verify(log)._replace(lines=7, problem="", doubt="")


@pytest.mark.parametrize("text", ["", "nothing", "{}", '{"lines": 2, "head": "00", "hash": "00"}'])
def test_a_head_that_was_edited_is_a_crime_too(log, text):
    log.with_name("audit.jsonl.head").write_text(text)
    assert "'audit.jsonl.head' was edited" in verify(log).problem


def test_the_end_of_a_keyed_log_cannot_be_cut_off_without_the_key(tmp_path):
    from duomo.adapters.audit import _hash  # a line as a forger would make it

    path = tmp_path / "keyed"
    with AuditLog(path, secret=b"s") as opened:
        for i in range(4):
            opened.append("result", key=f"k{i}")
    lines = lines_of(path)[:2]
    path.write_text("".join(lines))
    forged = {"lines": 2, "head": json.loads(lines[-1])["hash"]}
    path.with_name("keyed.head").write_text(json.dumps({**forged, "hash": _hash(forged, None)}))
    assert "'keyed.head' was edited" in verify(path, secret=b"s").problem


def test_threads_that_share_a_log_leave_one_sound_chain(tmp_path):
    path = tmp_path / "log"
    with AuditLog(path) as opened, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: opened.append("result", key=str(i)), range(400)))
    assert verify(path) == (400, opened.head, "", "")


def test_an_override_is_kept_although_the_record_fails_after_it(row, tmp_path):
    class Wary(Thermometer):
        def guards(self, phase):
            return [within("celsius", 0, 100, code="UNITS.MISMATCH")] if phase == "input" else []

    with AuditLog(tmp_path / "log") as opened:
        overrides = [Override("UNITS.MISMATCH", "it is really that hot", "Ada")]
        [outcome] = Wary().map([row(celsius=666)], audit=opened, overrides=overrides)
    assert not outcome.ok
    override, failed = map(json.loads, lines_of(tmp_path / "log"))
    assert (override["event"], override["reason"]) == ("override", "it is really that hot (Ada)")
    assert failed["event"] == "failed"


def test_a_log_that_was_closed_before_the_outcomes_were_read_says_so(thermometer, row, tmp_path):
    with AuditLog(tmp_path / "log") as opened:
        outcomes = thermometer.map([row()], audit=opened)
    with pytest.raises(AuditProblem, match="is closed") as caught:
        next(outcomes)
    assert "read all outcomes inside the log's 'with'" in caught.value.fix


def test_a_log_goes_on_where_it_ended(log):
    with AuditLog(log) as again:
        again.append("result", key="k6")
    assert verify(log).lines == 7


def test_a_log_whose_writer_died_is_sound_up_to_there(log):
    writer = AuditLog(log)
    writer.append("result", key="k6")
    writer._file.close()  # as a kill would
    assert verify(log).ok
    assert verify(log).lines == 7


def test_a_second_writer_is_kept_out(log):
    with AuditLog(log), pytest.raises(AuditProblem, match="is in use") as caught:
        AuditLog(log)
    assert "another writer has it open" in caught.value.why
    with AuditLog(log):
        pass


def test_a_keyed_log_cannot_be_forged_without_the_key(tmp_path):
    path = tmp_path / "keyed"
    with AuditLog(path, secret=b"s") as log:
        log.append("result", key="k")
    assert verify(path, secret=b"s").ok
    assert "was edited" in verify(path).problem
    assert not verify(path, secret=b"t").ok


def test_a_log_that_is_not_there_or_cannot_be_written_is_said(tmp_path):
    with pytest.raises(AuditProblem, match="no audit log"):
        verify(tmp_path / "gone")
    with pytest.raises(CannotWrite, match="cannot be written"):
        AuditLog(tmp_path / "no" / "log")


def test_a_line_has_pseudonyms_and_fingerprints_and_nothing_of_the_record(thermometer, row, tmp_path):
    path = tmp_path / "log"
    with AuditLog(path) as log:
        list(thermometer.map([row("Ada Lovelace", 91.25, operator="Bob"), {"machine": "Ada Lovelace"}], audit=log))
    text = path.read_text()
    assert not any(each in text for each in ("Ada", "Bob", "91.25"))
    done, failed = map(json.loads, text.splitlines())
    assert done["event"] == "result"
    assert done["artifacts"]["calibrator"] == thermometer.artifacts["calibrator"].fingerprint
    assert done["findings"] == []
    assert (failed["event"], failed["error"]) == ("failed", "E-INPUT")


@given(st.integers(0, 10**9))
def test_no_single_changed_letter_goes_unseen(seed):
    draw = random.Random(seed)
    from duomo.adapters.audit import _hash, _text, _walk  # a line as a forger would make it

    head, lines = "0" * 64, []
    for seq in range(3):
        line = {"seq": seq, "event": "result", "key": "äöü", "prev_hash": head}
        head = line["hash"] = _hash(line, None)
        lines.append(_text(line))
    assert _walk(lines, None)[0].ok
    at = draw.randrange(3)
    place = draw.randrange(len(lines[at]) - 1)
    letter = draw.choice([each for each in 'abcdef0123456789{}": ' if each != lines[at][place]])
    lines[at] = lines[at][:place] + letter + lines[at][place + 1 :]
    assert not _walk(lines, None)[0].ok


def test_line_ends_of_another_system_are_no_edit(log):
    for path in (log, log.with_name(log.name + ".head")):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert verify(log) == verify(log)._replace(lines=6, problem="", doubt="")
    with AuditLog(log) as opened:
        opened.append("result", key="k6", decision="accept")
    verdict = verify(log)
    assert (verdict.ok, verdict.lines, verdict.doubt) == (True, 7, "")


def test_a_log_that_was_emptied_together_with_its_head_is_doubted(log):
    log.write_bytes(b"")
    log.with_name(log.name + ".head").unlink()
    verdict = verify(log)
    assert verdict.ok
    assert "whether lines at the end are gone is unknown" in verdict.doubt
    with AuditLog(log):
        pass
    assert [json.loads(line)["event"] for line in lines_of(log)] == ["head-missing"]


def test_half_a_character_in_a_key_costs_no_line(tmp_path):
    with AuditLog(tmp_path / "new.log") as opened:
        opened.append("result", key="\ud83d")
    assert verify(tmp_path / "new.log").ok
    assert json.loads(lines_of(tmp_path / "new.log")[0])["key"] == "\ud83d"


def test_a_new_log_begins_without_a_doubt(tmp_path):
    with AuditLog(tmp_path / "new.log"):
        pass
    verdict = verify(tmp_path / "new.log")
    assert (verdict.lines, verdict.doubt) == (0, "")


def test_a_disk_that_was_full_for_a_moment_breaks_no_chain(log):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with AuditLog(log) as opened:
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 10, limits[1]))  # room for a part of a line
        try:
            with pytest.raises(CannotWrite):
                opened.append("result", key="lost")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        opened.append("result", key="kept")
    assert [json.loads(line)["key"] for line in lines_of(log)[-2:]] == ["k5", "kept"]
    assert verify(log)._replace(head="") == (7, "", "", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
def test_a_disk_that_is_full_when_the_log_is_closed_is_said_in_words(log):
    opened = AuditLog(log)
    full: Any = open("/dev/full", "a", encoding="utf-8")  # noqa: SIM115 - closed by the log
    opened._file.close()  # the log's own file is private: only so can the disk be full for it alone
    opened._file = full  # as above
    full.write("left behind")  # what was not yet on the disk
    with pytest.raises(CannotWrite, match="cannot be written") as caught:
        opened.close()
    assert caught.value.why == "No space left on device"


WRITER = """
import os, sys
from duomo.adapters import AuditLog
from duomo.errors import AuditProblem

written = 0
while written < 10:
    try:
        with AuditLog(sys.argv[1]) as log:
            for number in range(5):
                log.append("result", process=os.getpid(), number=number)
        written += 1
    except AuditProblem as error:
        assert "is in use" in str(error), error
"""


def test_two_processes_that_take_turns_write_one_sound_chain(tmp_path):
    path = tmp_path / "audit.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path)]) for _ in range(2)]
    assert [each.wait(120) for each in writers] == [0, 0]
    verdict = verify(path)
    assert (verdict.ok, verdict.doubt, verdict.lines) == (True, "", 100)
    processes = [json.loads(line)["process"] for line in lines_of(path)]
    assert len(set(processes)) == 2
    assert all(len(set(processes[at : at + 5])) == 1 for at in range(0, 100, 5)), "nobody writes into another's session"


def test_a_fork_of_the_writer_cannot_break_its_chain(tmp_path):
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.append("result", number=1)
    child = os.fork()
    if not child:
        try:
            log.append("result", number=2)
        except AuditProblem as error:
            log.close()
            os._exit(7 if "by another process" in str(error) else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    log.append("result", number=3)
    log.close()
    assert verify(path).ok
    assert [json.loads(line)["number"] for line in lines_of(path)] == [1, 3]
