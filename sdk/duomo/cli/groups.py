"""The commands of ``duomo`` in groups, each with its line in ``duomo --help``."""

import click

GROUPS = {
    "Commands": {
        "run": "Run a task on files, folders, texts or standard input.",
        "tasks": "What can be done: tasks, their options and results.",
        "models": "What does it: list, add, verify and convert models.",
        "executors": "Where it runs: executors, and what this machine has.",
        "plan": "Plan how MODEL is spread over devices, which need not be here.",
    },
    "Industries": {
        "adapters": "What it is for: list, show, fit and evaluate industry adapters.",
        "adapt": "Run an industry adapter on records.",
        "audit": "Verify the log that an adapter writes.",
    },
    "Training": {
        "train": "Train a model on rows with labels.",
        "evaluate": "Score a model on rows with labels.",
        "export": "Write MODEL as a folder that runs without torch.",
    },
    "Servers": {
        "serve": "Serve tasks and adapters over HTTP.",
        "backup": "Copy PATHS and the configuration into FOLDER, which must be new or empty.",
        "restore": "Put the files of a backup back.",
    },
    "This installation": {
        "plugins": "What is installed: list, show, check, switch and write plugins.",
        "doctor": "What is wrong with this installation, and how to fix it.",
        "env": "Versions and platform, for a bug report.",
        "config": "Show and change settings.",
        "completion": "Print the completion script of a shell.",
    },
}
COMMANDS = {name: summary for group in GROUPS.values() for name, summary in group.items()}

PLUGIN_COMMANDS = {"demo": "duomo-multimodal"}
"""Commands in the documentation that come with a plugin of this project, and its distribution."""


class Group(click.Group):
    """A command of commands, whose help has the first sentence of each one whole."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line or more for each; click cuts them."""
        inner = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(1000)) for name, each in inner.items() if each])
