"""The options of a job, typed: one field for each option of the command line, with the name that click gives it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobOptions:
    """The options of ``duomo run``; the help of each stands beside its option in `duomo.cli.run`."""

    args: tuple[str, ...] = ()
    model: str | None = None
    texts: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    recursive: bool = False
    pattern: str = ""
    executor: str = "inline"
    device: str = "auto"
    parallel: str | None = None
    batch_size: int | None = None
    dtype: str = "auto"
    optimize: str = "none"
    top_k: int | None = None
    seed: int | None = None
    long: str | None = None
    params: tuple[str, ...] = ()
    output: str = "auto"
    out: str | None = None
    fields: str = ""
    fail_fast: bool = False
    max_failed: int | None = None
    dedupe: bool = False
    stats: str | None = None
    resume: bool = False
    retry_failed: bool = False
    force: bool = False
    stream: bool = False
    dry_run: bool = False
    input_format: str = "auto"
    field: str = ""
    null: bool = False
    whole: bool = False

    @property
    def chosen_fields(self) -> tuple[str, ...]:
        """The names in ``--fields``; empty when all are wanted."""
        return tuple(name.strip() for name in self.fields.split(",") if name.strip())

    @property
    def resuming(self) -> bool:
        """Whether a store keeps what is done."""
        return self.resume or self.retry_failed or self.force
