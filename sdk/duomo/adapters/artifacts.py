"""Fitted things as data: JSON with a fingerprint, large arrays as safetensors beside it, never a pickle."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import pydantic

from duomo.adapters.scores import ArtifactRef
from duomo.brief import Brief
from duomo.counting import with_article
from duomo.errors import ArtifactProblem, CannotWrite

_KINDS: dict[str, type[Artifact]] = {}


class FittedOn(pydantic.BaseModel):
    """The data that something was fitted on, as far as it may be said."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    n: int
    sha256: str = ""
    """Digest of the data set, by whatever means its owner digests it."""
    prevalence: float | None = None
    start: str = ""
    end: str = ""
    groups: int | None = None
    libs: dict[str, str] = {}


class Artifact(pydantic.BaseModel):
    """Base class of everything fitted: declare fields, give it a `kind`, and it can be saved, loaded and named.

    Numbers are plain floats and lists. An array beyond a few thousand numbers belongs into safetensors beside the
    JSON, which then holds its digest: override `save` and `placed`.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    kind: ClassVar[str] = ""
    """Schema and its version, such as ``duomo.sigmoid/1``; a plugin's begin with its own name."""

    fitted_on: FittedOn | None = None

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        return ((name, Brief(value)) for name, value in super().__repr_args__())

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not cls.__dict__.get("kind"):
            return  # a subclass that only adds methods is of its base's kind
        other = _KINDS.setdefault(cls.kind, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(
                f"the kind '{cls.kind}' is taken by {other.__module__}.{other.__qualname__}; choose another"
            )
        _KINDS[cls.kind] = cls

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of its kind and of what differs from the defaults; worked out once, for every result names it.

        One that was loaded has the fingerprint that it was saved with. So a class may gain a field with a default
        without making others of what was fitted; a default that changes its meaning needs a new `kind`.
        """
        return _digest(self.kind, self.model_dump(mode="json", exclude_defaults=True))

    @functools.cached_property
    def ref(self) -> ArtifactRef:
        """How results name it."""
        return ArtifactRef(name=self.kind, sha256=self.fingerprint)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, which has a fingerprint of its own."""
        copied = super().model_copy(update=update, deep=deep)
        for name in set(copied.__dict__) - set(type(self).model_fields):  # cached properties, as of the fingerprint
            del copied.__dict__[name]
        return copied

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as JSON with its fingerprint. Raises `CannotWrite`."""
        content = self.model_dump(mode="json")
        seal = _digest(self.kind, [self.fingerprint, content])
        written = {"kind": self.kind, "fingerprint": self.fingerprint, "sha256": seal, "content": content}
        text = json.dumps(written, indent=1)
        target = Path(path)
        try:
            target.write_text(text + "\n", "utf-8")
        except OSError as error:
            raise CannotWrite(
                f"the artefact cannot be written to '{target}'",
                why=error.strerror or str(error),
                fix="choose another place",
            ) from None
        return target

    def placed(self, path: Path) -> Self:
        """Itself, knowing which file it was read from; one with an array beside its JSON finds it there."""
        del path
        return self

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read one of this class, or of a class below it.

        Raises `ArtifactProblem` when it was changed, is of another kind, or is not an artefact at all.
        """
        source = Path(path)
        try:
            data = json.loads(source.read_text("utf-8"))
            kind, sha256, content = data["kind"], data["sha256"], data["content"]
            # Files of 0.1.0 bear one digest, of the content, which is the fingerprint too.
            fingerprint = data.get("fingerprint", sha256)
        except OSError as error:
            raise ArtifactProblem(
                f"no artefact at '{source}'", why=error.strerror or str(error), fix="fit and save it first"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactProblem(
                f"'{source}' is not an artefact", why=f"{type(error).__name__}: {error}", fix="save it again"
            ) from None
        if _digest(kind, [fingerprint, content] if "fingerprint" in data else content) != sha256:
            raise ArtifactProblem(
                f"'{source}' was changed after it was saved",
                why="its content does not have the fingerprint it bears",
                fix="take it from where it was fitted, or fit it again",
            )
        found = _KINDS.get(kind)
        if found is None or not issubclass(found, cls):
            raise ArtifactProblem(
                f"'{source}' is a '{kind}'",
                why=f"{with_article(cls.kind or cls.__name__)} is expected"
                if found
                else "no class of that kind is loaded",
                fix="name the right file, or load the adapter that it belongs to",
            )
        try:
            loaded = found.model_validate(content).placed(source)
            loaded.__dict__["fingerprint"] = fingerprint  # where the cached property looks first
            return loaded
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            raise ArtifactProblem(
                f"'{source}' does not fit '{kind}'",
                why=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
                fix="fit it again with this version",
            ) from None


def _digest(kind: str, content: object) -> str:
    text = json.dumps([kind, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


MANIFEST = "adapter.json"


def save_folder(folder: str | os.PathLike[str], adapter: str, version: str, artifacts: Mapping[str, Artifact]) -> Path:
    """Write artefacts and a manifest that names each with its fingerprint."""
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"no folder '{target}'", why=error.strerror or str(error), fix="choose another") from None
    listed = {name: {"kind": each.kind, "sha256": each.fingerprint} for name, each in sorted(artifacts.items())}
    for name, each in artifacts.items():
        each.save(target / f"{name}.json")
    text = json.dumps({"adapter": adapter, "version": version, "artifacts": listed}, indent=1)
    (target / MANIFEST).write_text(text + "\n", "utf-8")
    return target


def load_folder(folder: str | os.PathLike[str], adapter: str) -> dict[str, Artifact]:
    """The artefacts that a manifest names. Raises `ArtifactProblem` for another adapter's, or one exchanged."""
    source = Path(folder)
    try:
        manifest = json.loads((source / MANIFEST).read_text("utf-8"))
        listed = {str(name): str(each["sha256"]) for name, each in manifest["artifacts"].items()}
        owner = manifest["adapter"]
        if any(not name.replace("-", "_").isidentifier() for name in listed):
            raise ValueError("a name in it is not the name of an artefact")
    except OSError as error:
        raise ArtifactProblem(
            f"no fitted adapter in '{source}'",
            why=f"{MANIFEST}: {error.strerror or error}",
            fix="fit one and adapter.save(folder)",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactProblem(
            f"'{source / MANIFEST}' cannot be read", why=f"{type(error).__name__}: {error}", fix="save it again"
        ) from None
    if owner != adapter:
        raise ArtifactProblem(
            f"the artefacts in '{source}' belong to '{owner}'",
            why=f"'{adapter}' wants them",
            fix=f"duomo.adapt('{owner}')",
        )
    found = {}
    for name, sha256 in listed.items():
        found[name] = Artifact.load(source / f"{name}.json")
        if found[name].fingerprint != sha256:
            raise ArtifactProblem(
                f"'{source / name}.json' is not the artefact that was saved with this adapter",
                why=f"its fingerprint is not the one in {MANIFEST}",
                fix="take the whole folder from where it was fitted, or fit it again",
            )
    return found
