"""Write docs/cli.md from the commands' own help; tests/sdk/cli compares the two."""

from collections.abc import Iterator
from pathlib import Path

import click

from duomo.catalog import Catalog
from duomo.cli import COMMANDS, Root, cli
from duomo.cli.app import App
from duomo.plugins.selection import Selection

PAGE = Path(__file__).with_name("cli.md")
HEAD = """# The command line

<!-- Made by docs/make_cli.py; `make docs` writes it again. -->

`duomo run TASK INPUT...` does one task on whatever it is given; the other commands say what there is and set it up.
Plugins may add commands (`duomo demo` is one): `duomo --help` lists them with their owner.

- **Input** is a path, a folder, a glob, a URL or `-`; a text is given with `-t`. Standard input is read only for `-`,
  or when nothing is named and it is not a terminal: one text a line (a blank line is none), one JSON
  record a line with `--input-format jsonl`, or the bytes of one image or audio clip.
  A `.jsonl`, `.json`, `.csv`, `.tsv` or `.parquet` file is an input a row: `--field` names the column, else the key of
  the task (`text`, `image`, `audio`) does. With `--field`, standard input has JSON records, too.
  `--pair A B` gives two texts or files that are one input.
- **Output** is a table on a terminal and JSON lines in a pipe; `-o` (or `DUOMO_OUTPUT`) decides otherwise. `-O out.csv`
  and `-o out.csv` write a file, `-O folder/` a file for each input. Standard output has results and nothing else;
  remarks, progress and errors go to standard error.
- **CSV** is that of `duomo.writers`: one line an item, `index,id,ok,…,error.code,error.what,model,ms`. Texts are
  written as they are, also one that a spreadsheet would run as a formula (`=…`, `+…`, `-…`, `@…`); with `--csv-safe`
  such a cell begins with `'`. Use it where the texts are not yours and the file will be opened in a spreadsheet.
- **Text**: `-o text` gives the text of each result, or a line for each label, box or hit with tabs between the values.
  An input that failed is an empty line, so where each input gives one (a label by `--top-k 1`, a transcript) the lines
  are those of the inputs; `--fields id,ok,labels.0.name` has one line for each input, and says which failed.
- **Vectors**: `-O vectors.npy` is a float32 array for `numpy.load`, a row an input; Parquet has lists of one length.
- **A page**: `-O out.html` shows results beside images, audio clips and beginnings of texts; no script, no request.
- **Bytes** in JSON, such as an audio clip, are base64 as RFC 4648 §4 has it: `base64 -d` and `atob` decode them.
- **Subtitles**: `-o srt` and `-o vtt` write the segments of a transcript, one file an input.
- **Each input stands alone.** One that cannot be used is a record with an `error`; the others go on, in order.
- **Global options** (`--offline`, `--quiet`, …) work before the command and behind it.
- **Names of tasks** have aliases, such as `ner`, `ocr`, `asr` and `tts`; `duomo tasks show NAME` lists them.
- **Errors** say what happened, why, and what to type next. With JSON output the same is a record,
  `{"schema": "duomo.error/1", ...}`, so that a program need not read words. `--debug` adds the traceback.
- **Colour** follows the terminal, `NO_COLOR`, `FORCE_COLOR` and `--color`; progress shows only where standard output
  and standard error are both terminals, or the results go to a file.

| exit code | |
|---|---|
| 0 | everything worked (also when the reader of a pipe has seen enough) |
| 1 | the work failed |
| 2 | the command line is wrong |
| 3 | some inputs failed, the others worked |
| 4 | a model, task, plugin, device or weights: unknown or not usable here |
| 5 | a plugin that was needed is broken |
| 130 | interrupted; what was done is shown |
| 143, 129 | ended by SIGTERM, or by its terminal (SIGHUP); likewise, of run, adapt, train and export |

Stages chain, and the id of an input stays with it:

```console
$ duomo run automatic-speech-recognition calls/ |
      duomo run text-classification --input-format jsonl --field result.text -
```
"""


def page() -> str:
    """The whole page."""
    app = App(Catalog(Selection(allow=frozenset())))
    root = click.Context(cli, info_name="duomo", obj=app, terminal_width=100, **cli.context_settings)
    return HEAD + "".join(section(ctx) for ctx in walk(root))


def section(ctx: click.Context) -> str:
    """One command's help under its name."""
    path = ctx.command_path
    text = "\n".join(line.rstrip() for line in ctx.get_help().splitlines())
    return f"\n{'#' * (len(path.split()) + 1)} {path}\n\n```text\n{text}\n```\n"


def walk(ctx: click.Context) -> Iterator[click.Context]:
    """Every built-in command, groups before what is in them."""
    yield ctx
    if isinstance(ctx.command, click.Group):
        for name in COMMANDS if isinstance(ctx.command, Root) else ctx.command.list_commands(ctx):
            inner = ctx.command.get_command(ctx, name)
            assert inner is not None
            yield from walk(click.Context(inner, info_name=name, parent=ctx))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
