"""``duomo completion``: the script that teaches a shell our names."""

from __future__ import annotations

import click

_WHERE = {
    "bash": 'eval "$(duomo completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(duomo completion zsh)"   in ~/.zshrc',
    "fish": "duomo completion fish > ~/.config/fish/completions/duomo.fish",
}
HELP = "Print the completion script of a shell; nothing is installed.\n\n\b\n" + "\n".join(_WHERE.values())


@click.command("completion", help=HELP)
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.pass_context
def command(ctx: click.Context, /, shell: str) -> None:
    """Print the script; the help is above."""
    from click.shell_completion import get_completion_class

    cls = get_completion_class(shell)
    assert cls is not None
    script = cls(ctx.find_root().command, {}, "duomo", "_DUOMO_COMPLETE")
    # Not .source(): for bash it would start one to ask for its version.
    click.echo(script.source_template % script.source_vars())
