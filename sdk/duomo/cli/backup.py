"""``duomo backup``: configuration, stores and audit logs in one folder, with a manifest of hashes."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("backup")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
def command(folder: Path, paths: tuple[Path, ...]) -> None:
    """Copy PATHS and the configuration into FOLDER, which must be new or empty.

    PATHS are stores (FILE.duomo of duomo run --resume), audit logs, serve.toml and what else a server needs; of a
    folder its files are taken. A store that is being written is copied whole.

    \b
    duomo backup /backups/monday serve.toml audit.jsonl runs/out.jsonl.duomo
    """
    from duomo.backup import back_up
    from duomo.config import config_path

    kept = back_up(folder, (config_path(), *paths))
    for each in kept:
        click.echo(f"{each.sha256[:12]}  {each.size:>12,}  {each.path}")
