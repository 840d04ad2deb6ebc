"""``duomo restore``: the files of a backup, where they were or into one folder."""

from __future__ import annotations

from pathlib import Path

import click

from duomo.counting import counted


@click.command("restore")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), help="Put all files into this folder.")
@click.option("--overwrite", is_flag=True, help="Replace files that differ.")
@click.option("--check", is_flag=True, help="Compare the files with the manifest, and write nothing.")
def command(folder: Path, into: Path | None, overwrite: bool, check: bool) -> None:
    """Put the files of a backup back. Nothing is written unless all of them are as the manifest says."""
    from duomo.backup import check as check_backup, restore

    if check:
        num_files = len(check_backup(folder))
        click.echo(counted(num_files, "file is as it was kept", "files are as they were kept"))
        return
    for path in restore(folder, into, overwrite=overwrite):
        click.echo(str(path))
