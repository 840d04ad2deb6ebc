"""``card.md``: what a person should know before using a trained model, in the layout of Mitchell et al. 2019."""

from __future__ import annotations

from collections.abc import Iterator

from duomo.counting import counted
from duomo.training.fit import Fit

SHOWN = 10


def card(fit: Fit) -> str:
    """The card of a fit, as Markdown."""
    return "\n".join(_lines(fit)) + "\n"


def _lines(fit: Fit) -> Iterator[str]:
    record, rows = fit.record, fit.rows
    yield f"# {fit.folder.name}\n"
    yield f"A model for {fit.task}, trained from `{record['base']}` with duomo {record['versions']['duomo']}.\n"
    yield f'    duomo.run("{fit.task}", …, model="dir:{fit.folder.name}")\n'
    yield f"- licence of the base: {record['base_license'] or 'see its own card'}"
    share = record["trained_parameters"] / max(1, record["parameters"])
    yield f"- trained: `{record['train']}`, {record['trained_parameters']:,} parameters ({share:.1%})"
    if fit.labels:
        yield "- labels: " + ", ".join(f"`{' '.join(label.split())}`" for label in fit.labels)
    yield "\n## Scores on the held-out rows\n"
    if fit.metrics:
        yield "| score | value | 95 % interval | from |\n|---|---|---|---|"
        for name, each in fit.metrics.items():
            yield f"| {name} | {each.shown} | {each.bounds} | {each.num_rows:,} |"
    else:
        yield "No rows were held out: how good it is on others is not known."
    yield "\n## Data\n"
    trained = counted(rows.trained, "row was", "rows were")
    yield f"{trained} trained on, {rows.validated:,} held out, {len(rows.left_out):,} left out."
    yield f"Digest of the training part: `{record['fingerprint']['training data'][:16]}`.\n"
    for finding in fit.findings:
        yield f"- {finding.level}: {finding.what}{' (' + finding.why + ')' if finding.why else ''}"
    for left in rows.left_out[:SHOWN]:
        yield f"- left out: `{left.id}`: {left.what}"
    if rows.highest_losses:
        yield "\n## Rows it finds hardest\n\nThey are often mislabelled. Losses are of the trained model; it was asked"
        yield "about the tenth of the rows whose losses stood out most when they were read last.\n"
        for id, loss in rows.highest_losses[:SHOWN]:
            yield f"- `{id}`, loss {loss:.3f}"
    yield "\n## Recipe\n"
    for name, value in record["recipe"].items():
        yield f"- {name}: {value}"
    yield f"- steps: {record['steps']}, best {record['best_step']}; torch {record['versions']['torch']}"
