"""An append-only log in which a line that was changed, removed or moved shows: each holds the hash of the one before.

A line is JSON: ``seq``, ``time``, ``event``, ``prev_hash``, what happened by pseudonym and fingerprint, and ``hash``,
the SHA-256 of all the rest. No name, no value, no text of a record goes in. A chain shows that it was cut off at the
end only to whoever kept its last hash, so `head` gives that, and ``FILE.head`` keeps the number of lines and the last
hash beside it, noted when the log is opened and when it is closed. Someone who can write both files can forge both,
unless a `secret` keys them; an older copy of both still passes with one, so keep the head elsewhere, too.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import json
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from duomo.adapters.findings import Finding
from duomo.counting import counted
from duomo.errors import AuditProblem, CannotWrite
from duomo.locking import try_lock
from duomo.outcome import Outcome
from duomo.specs import AdapterSpec

GENESIS = "0" * 64
"""The hash before the first line."""


class Verdict(NamedTuple):
    """What walking a chain came to."""

    lines: int
    """How many are sound, from the first."""
    head: str
    """The hash of the last sound line."""
    problem: str = ""
    """What is wrong with the next line, or with the end; empty when nothing is."""
    doubt: str = ""
    """What could not be checked although nothing is wrong."""

    @property
    def ok(self) -> bool:
        """Whether the whole log is as it was written."""
        return not self.problem


class AuditLog:
    """A log that is open for writing; close it, or use it in a ``with``.

    A second writer is kept out, and so is a fork of this one; threads may share it.

    Args:
        path: the file; made when it is not there, gone on with when its chain is sound.
        secret: makes every hash keyed (HMAC), so that a line cannot be forged without it; verify with the same.

    Raises:
        AuditProblem: another writer has it, or its chain is broken.
        CannotWrite: the place is read-only or not there.
    """

    def __init__(self, path: str | os.PathLike[str], *, secret: bytes | None = None) -> None:
        self.path = Path(path)
        self._secret = secret
        self._turn = threading.Lock()
        self._process = os.getpid()
        is_new = not self.path.exists()
        try:
            # Unbuffered: what a full disk has not taken is not written later, behind a line of the same number.
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - open as long as the log is
        except OSError as error:
            raise self._unwritten(error, "another place") from None
        try:
            if not try_lock(self._file):
                raise AuditProblem(
                    f"the audit log '{self.path}' is in use",
                    why="another writer has it open",
                    fix="wait, or name another log",
                )
            verdict = verify(self.path, secret=secret)
            if not verdict.ok:
                raise AuditProblem(
                    f"the audit log '{self.path}' is broken",
                    why=verdict.problem,
                    fix="keep it as evidence, and write into a new file",
                )
        except BaseException:
            self._file.close()
            raise
        self._lines, self.head = verdict.lines, verdict.head
        if verdict.doubt and not is_new:
            self.append("head-missing")  # or the new head would hide that there was none
        self._note_head()

    def __repr__(self) -> str:
        return f"<AuditLog {str(self.path)!r}>"

    def append(self, event: str, **facts: Any) -> str:
        """Write one line and give its hash; `facts` are JSON-safe and hold no personal data.

        Raises:
            AuditProblem: the log is closed, or another process opened it.
            CannotWrite: the disk is full, or the like.
        """
        with self._turn:
            if self._file.closed:
                raise AuditProblem(
                    f"the audit log '{self.path}' is closed",
                    why="map() is lazy: its records are worked on, and logged, when its outcomes are asked for",
                    fix="read all outcomes inside the log's 'with'",
                )
            if self._process != os.getpid():
                raise AuditProblem(
                    f"the audit log '{self.path}' was opened by another process",
                    why="two that fork from one would both write the next line, and break the chain",
                    fix="open a log in the process that writes it",
                )
            line = {
                "seq": self._lines,
                "time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
                "event": event,
                **facts,
                "prev_hash": self.head,
            }
            line["hash"] = _hash(line, self._secret)
            self._write(_text(line).encode())
            self._lines, self.head = self._lines + 1, str(line["hash"])
            return self.head

    def _write(self, line: bytes) -> None:
        """Write a line whole, or nothing of it: a part would break the chain."""
        size, left = os.fstat(self._file.fileno()).st_size, memoryview(line)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), size)
            raise self._unwritten(error, "make room") from None

    def append_outcome(self, spec: AdapterSpec, outcome: Outcome[Any], findings: Iterable[Finding] = ()) -> None:
        """A line for what became of a record, and one before it for each finding that someone overrode.

        `findings` are those of a record that failed, which has no result to hold them.
        """
        base = {"adapter": spec.name, "version": spec.version, "key": outcome.id}
        result: Any = outcome.result
        for each in findings if result is None else result.findings:
            if each.overridden:
                self.append("override", **base, finding=_brief(each), reason=each.overridden)
        if outcome.error is not None:
            self.append("failed", **base, error=outcome.error.code)
            return
        made = result.provenance
        self.append(
            "result",
            **base,
            id=result.id,
            input_digest=made.input_digest,
            model=made.model,
            artifacts={name: ref.sha256 for name, ref in made.artifacts.items()},
            decision=result.decision.outcome if result.decision is not None else None,
            reason_codes=[each.code for each in result.reasons],
            findings=[_brief(each) for each in result.findings],
        )

    def close(self) -> None:
        """Let the next writer in, and note the head beside the log."""
        with self._turn:
            if not self._file.closed:
                if self._process == os.getpid():
                    self._note_head()
                try:
                    self._file.close()
                except OSError as error:  # a disk of a network may say only now that it is full
                    raise self._unwritten(error, "make room") from None

    def _unwritten(self, error: OSError, fix: str) -> CannotWrite:
        why = error.strerror or str(error)
        return CannotWrite(f"the audit log '{self.path}' cannot be written", why=why, fix=fix)

    def _note_head(self) -> None:
        """Replaced in one step, so that whoever dies meanwhile leaves the old one or the new one."""
        noted: dict[str, Any] = {"lines": self._lines, "head": self.head}
        noted["hash"] = _hash(noted, self._secret)
        target = _head_path(self.path)
        draft = target.with_name(target.name + ".new")
        try:
            draft.write_text(json.dumps(noted) + "\n", "utf-8")
            draft.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.close()
            what, why = f"the head of the audit log cannot be written to '{target}'", error.strerror or str(error)
            raise CannotWrite(what, why=why, fix="make room beside the log") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def verify(path: str | os.PathLike[str], *, head: str = "", secret: bytes | None = None) -> Verdict:
    """Walk the chain of a log and say where it breaks first.

    Args:
        path: the log.
        head: the last hash as someone kept it; tells that lines at the end are gone. The one in
            ``FILE.head`` is looked at, too.
        secret: for a log with keyed hashes.

    Raises:
        AuditProblem: there is no such log.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            verdict, seen = _walk(file, secret)
    except OSError as error:
        raise AuditProblem(f"no audit log '{path}'", why=error.strerror or str(error), fix="check the name") from None
    if not verdict.ok:
        return verdict
    if head and head not in seen:
        return verdict._replace(problem=f"it ends after line {verdict.lines}, before the line with hash {head[:12]}…")
    return _beside(verdict, seen, _head_path(Path(path)), secret, is_end_known=bool(head))


def _beside(verdict: Verdict, seen: set[str], path: Path, secret: bytes | None, *, is_end_known: bool) -> Verdict:
    """The verdict with what the head beside the log says of its end."""
    try:
        noted = json.loads(path.read_text("utf-8"))
        lines, head, said = int(noted["lines"]), str(noted["head"]), noted["hash"]
    except OSError:
        # A log may have been moved without it, so that alone is not an error.
        doubt = f"there is no '{path.name}': whether lines at the end are gone is unknown"
        return verdict if is_end_known else verdict._replace(doubt=doubt)
    except (ValueError, KeyError, TypeError):
        return verdict._replace(problem=f"'{path.name}' was edited: it is not what a log writes when it is closed")
    if said != _hash({"lines": lines, "head": head}, secret):
        return verdict._replace(problem=f"'{path.name}' was edited: it does not have the hash it bears")
    if lines > verdict.lines:
        return verdict._replace(
            problem=f"it has {counted(verdict.lines, 'line')}, and {lines} were noted when it was closed: "
            "its end was cut off"
        )
    if lines and head not in seen:
        return verdict._replace(problem=f"line {lines} is another than was noted in '{path.name}': it was exchanged")
    return verdict


def _walk(lines: Iterable[str], secret: bytes | None) -> tuple[Verdict, set[str]]:
    count, head, seen = 0, GENESIS, set[str]()
    for number, text in enumerate(lines, 1):
        problem = _problem(text, count, head, secret)
        if problem:
            return Verdict(count, head, f"line {number} {problem}"), seen
        count, head = count + 1, str(json.loads(text)["hash"])
        seen.add(head)
    return Verdict(count, head), seen


def _problem(text: str, seq: int, head: str, secret: bytes | None) -> str:
    try:
        line = json.loads(text)
        found, said, before = line["seq"], line["hash"], line["prev_hash"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "is not a line of an audit log" if text.endswith("\n") else "is cut off"
    if said != _hash({name: value for name, value in line.items() if name != "hash"}, secret):
        return "was edited: its content does not have the hash it bears"
    if found != seq:
        return f"has number {found} where {seq} is due: lines were removed, added or moved before it"
    if before != head:
        return "does not follow from the line before it: that one was exchanged"
    if not text.endswith("\n"):
        return "is cut off"
    if text != _text(line):
        # JSON reads the last of two fields of one name, a person the first.
        return "was edited: it says the same to a program, and is not written as a log writes it"
    return ""


def _text(line: Mapping[str, Any]) -> str:
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
    return text.encode("utf-8", "backslashreplace").decode()  # half a character, which UTF-8 has no bytes for


def _hash(line: Mapping[str, Any], secret: bytes | None) -> str:
    text = json.dumps(line, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(secret, text, hashlib.sha256).hexdigest() if secret else hashlib.sha256(text).hexdigest()


def _brief(finding: Finding) -> dict[str, str]:
    """Code, severity and field: a finding's text is for the reader of the result."""
    return {"code": finding.code, "severity": finding.severity, "field": finding.field}


def _head_path(path: Path) -> Path:
    return path.with_name(path.name + ".head")
