"""``duomo plan``: how a model would be spread over devices, which need not be here, and why."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_models
from duomo.cli.formats import echo_json
from duomo.cli.numbers import Finite
from duomo.cli.output import settle
from duomo.cli.tables import table, table_width

if TYPE_CHECKING:
    from duomo.execution.planning.costs import Planned
    from duomo.execution.planning.hardware import Device
    from duomo.execution.planning.profile import ModelProfile
    from duomo.execution.pools.simulate import Simulation
    from duomo.execution.pools.simulate_serving import Served
    from duomo.specs import ModelSpec

TRAIN_LENGTH = 128
"""Tokens of a text that is trained on, unless said."""


@click.command("plan")
@click.argument("model", shell_complete=complete_models)
@click.option(
    "--devices", metavar="LIST", default="auto", help="8xH100, or 2xA10,2xT4, cpu:4, cuda; auto is this machine."
)
@click.option(
    "--objective", type=click.Choice(["throughput", "latency"]), default="throughput", help="What to optimise for."
)
@click.option("--items", metavar="N", type=click.IntRange(1), help="How many items there will be, if that is known.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    help="Data type of the weights.",
)
@click.option("--length", metavar="N", type=click.IntRange(1), help="Tokens of a usual text; 128 when left out.")
@click.option("--simulate", metavar="N", type=click.IntRange(1, 65_536), help="Run the plan over N simulated devices.")
@click.option("--slow", metavar="SHARE:SPEED", default="", help="Simulated devices that are slow, such as 0.1:0.5.")
@click.option(
    "--faults",
    metavar="SHARE",
    type=Finite(0, 0.5),
    default=0.0,
    help="Simulated batches that kill their device.",
)
@click.option("--serve", is_flag=True, help="Say what a server on these devices would do: p50, p99, refusals.")
@click.option("--rate", metavar="N", type=Finite(0, min_open=True), help="Requests a second that come to the server.")
@click.option(
    "--slo",
    metavar="SECONDS",
    type=Finite(0),
    default=0.0,
    help="Seconds in which a request should be answered; 0 for no limit.",
)
@click.option("--seed", metavar="N", type=int, default=0, help="Seed of the simulation.")
@click.option("--train", metavar="all|head|N", default="", help="What training takes on each device, and what fits.")
@click.option("--recompute", is_flag=True, help="With --train: trained layers are computed again in the backward pass.")
@click.option("-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json for programs.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    model: str,
    devices: str,
    objective: str,
    items: int | None,
    dtype: str,
    length: int | None,
    simulate: int | None,
    slow: str,
    faults: float,
    serve: bool,
    rate: float | None,
    slo: float,
    seed: int,
    train: str,
    recompute: bool,
    output: str,
) -> None:
    """Plan how MODEL is spread over devices, which need not be here.

    MODEL is a name of the catalog, a folder (dir:PATH) or a config.json of a checkpoint in
    transformers format, or hf:org/name that is on this disk. Its weights are not needed. A checkpoint
    is split as the family that loads it can do; a config.json alone in every way there is.

    \b
    duomo plan minilm
    duomo plan ./config.json --devices 8xH100 --dtype bfloat16
    duomo plan minilm --devices 8xA10 --simulate 64 --slow 0.1:0.5
    duomo plan minilm --devices 8xH100 --serve --rate 400
    duomo plan minilm --devices 2xA10 --train all
    """
    settle(ctx, output)
    app: App = ctx.obj
    slow_ones = _slow(slow)
    if (slow or faults) and simulate is None:
        raise click.UsageError("--slow and --faults are of a simulation: --simulate N", ctx)
    if serve != (rate is not None):
        raise click.UsageError("--serve and --rate go together: --serve --rate 400", ctx)
    if recompute and not train:
        raise click.UsageError("--recompute is of training: --train all --recompute", ctx)
    from duomo.execution.planning.hardware import describe, facts, parse_devices
    from duomo.execution.planning.planner import make_plan
    from duomo.execution.planning.subject import profile_of

    known = parse_devices(devices)
    profile, axes = profile_of(model, app.catalog, functools.partial(_timed, app))
    if train:
        from duomo.training.starts import check_trainable

        check_trainable(model, app.catalog)
        _plan_training(model, profile, known, train, axes, length or TRAIN_LENGTH, output, recompute=recompute)
        return
    planned = make_plan(profile, known, objective=objective, items=items, dtype=dtype, length=length, axes=axes)
    served = _served(planned, rate, slo, seed)
    result = _simulated(planned, simulate, slow_ones, faults, seed)
    if output == "json":
        record = {
            "schema": "duomo.plan/1",
            "model": model,
            "objective": objective,
            "dtype": dtype,
            "length": planned.length,
            "profile": dataclasses.asdict(profile),
            "hardware": facts(known),
            **planned.record(),
            "simulation": result.record() if result else None,
            "served": served.record() if served else None,
        }
        echo_json(record, indent=2)
        return
    click.echo(f"{click.style(model, bold=True)} on {describe(known)}, in {dtype}, for {objective}\n")
    _show(planned)
    if result is not None:
        _show_simulation(result)
    if served is not None:
        _show_served(served)


def _plan_training(
    model: str,
    profile: ModelProfile,
    devices: tuple[Device, ...],
    train: str,
    axes: frozenset[str],
    length: int,
    output: str,
    *,
    recompute: bool,
) -> None:
    from duomo.execution.planning.hardware import describe
    from duomo.execution.planning.training import training_needs

    what = int(train) if train.isdecimal() else train
    ways = training_needs(profile, devices, what, axes, recompute=recompute)
    if output == "json":
        records = [
            {**dataclasses.asdict(way), "dims": str(way.dims), "units": way.units, "fits": way.fits(length)}
            for way in ways
        ]
        echo_json({"schema": "duomo.plan-train/1", "model": model, "train": train, "ways": records}, indent=2)
        return
    click.echo(f"{click.style(model, bold=True)} trained ({train}) on {describe(devices)}, float32, AdamW\n")
    rows = []
    for way in ways:
        sizes = [f"{each / 1e9:.2f}" for each in (way.weights, way.gradients, way.optimizer, way.room)]
        if not way.fits(length):
            verdict = "does not fit"
        elif way.units is None:
            verdict = "fits; " + ("activations are not known" if train != "head" else "the trunk is computed once")
        else:
            verdict = f"fits, with micro-batches of {way.units:,} {profile.unit}s at most"
        rows.append([str(way.dims), *sizes, verdict])
    header = ["DIMS", "WEIGHTS GB", "GRADIENTS GB", "OPTIMISER GB", "ROOM GB", "VERDICT"]
    click.echo(table(header, rows, width=table_width()))
    if not any(way.fits(length) for way in ways):
        click.echo("\nNothing fits: train less (--train head, or some layers), or on larger or more devices.")
    click.echo("\nThis is arithmetic, not a measurement; logits and the work space of kernels are not in it.")


def _served(planned: Planned, rate: float | None, slo_s: float, seed: int) -> Served | None:
    """What a server would do with this many requests a second."""
    if rate is None:
        return None
    from duomo.execution.pools.simulate_serving import simulate_served_plan

    return simulate_served_plan(planned, rate, slo_s=slo_s, seed=seed)


def _simulated(
    planned: Planned, num_devices: int | None, slow: tuple[float, float], faults: float, seed: int
) -> Simulation | None:
    """The plan over this many simulated devices; of `slow` are the share of slow ones and their speed."""
    if num_devices is None:
        return None
    from duomo.execution.pools.simulate_plan import simulate_plan

    return simulate_plan(planned, num_devices, slow=slow[0], slow_speed=slow[1], faults=faults, seed=seed)


def _timed(app: App, spec: ModelSpec) -> ModelProfile:
    """Time a packaged model on a sample of its task; without a sample, profile it by its parameters."""
    from duomo.execution.base import Job
    from duomo.execution.planning.profile import profile_params, profile_timed
    from duomo.execution.worker import Worker
    from duomo.resolving import resolve
    from duomo.testing import sample_for
    from duomo.weights import locate

    task = resolve(app.catalog.task(spec.task).target, owner=f"task '{spec.task}'")
    sample = sample_for(task)
    if sample is None:
        return profile_params(spec.name, spec.params, spec.size)
    options = task.Options.parse(sample.options)
    worker = Worker(Job(spec, spec.task, spec.name, str(locate(spec).path), "", "", "cpu"))
    prepared = worker.prepare([task.Input.accept(sample.items[0])], options)
    return profile_timed(spec, lambda: worker.compute(prepared, options), 1)


def _slow(text: str) -> tuple[float, float]:
    """Parse ``0.1:0.5`` as two numbers."""
    share, _, speed = text.partition(":")
    try:
        numbers = (float(share), float(speed)) if text else (0.0, 1.0)
    except ValueError:
        numbers = (-1.0, 0.0)
    if not (0 <= numbers[0] <= 1 and 0 < numbers[1] <= 1):
        raise click.BadParameter(f"'{text}' is not SHARE:SPEED, such as 0.1:0.5", param_hint="--slow")
    return numbers


def _show(planned: Planned) -> None:
    best, plan, unit = planned.estimate, planned.plan, planned.profile.unit
    of = f" of {planned.length:g} tokens" if unit == "token" else ""
    rows = {
        "executor": plan.executor,
        "parallel": str(plan.dims) + (f", {plan.threads} threads each" if plan.threads > 1 else ""),
        "batch": f"{best.units:,} {unit}s" + ("" if plan.batch_budget else " (the model's own bound decides)"),
        "memory": f"{best.memory / 1e9:.2f} of {best.room / 1e9:.1f} GB a worker",
        "predicted": f"{planned.items_per_s:,.1f} items/s{of}, {best.step_s * 1e3:,.1f} ms a batch",
        "one item": f"{best.item_s * 1e3:,.1f} ms",
    }
    if planned.items:
        rows["all"] = f"{planned.items / planned.items_per_s:,.0f} s for {planned.items:,} items"
    for title, text in rows.items():
        click.echo(f"{title:<11} {text}")
    for title, lines in (("why", plan.reasons), ("rejected", plan.rejected)):
        if lines:
            click.echo(f"\n{title}\n" + "\n".join(f"  {line}" for line in lines))
    click.echo("\nTimes are arithmetic, not measurements: duomo run --stats measures a run.")


def _show_simulation(result: Simulation) -> None:
    click.echo(f"\n{click.style('simulation', bold=True)} (a virtual clock; no device was used)")
    faults = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in result.faults.items() if count)
    rows = {
        "copies": f"{result.devices:,}",
        "items": f"{result.items:,}, {result.failed:,} failed",
        "makespan": f"{result.makespan_s:.3f} s; ideal {result.ideal_s:.3f} s",
        "efficiency": f"{result.efficiency:.2f} of ideal",
        "padding": f"{result.padding:.1%}",
        "driver": f"{result.driver_us_per_batch:.0f} µs CPU for a batch of {result.items_per_batch:.1f} items, here; "
        f"{result.dispatch_us_per_batch:.0f} of them to hand it out and take it back",
        "survived": faults or "no faults were asked for",
        "constants": ", ".join(f"{name}={value:g}" for name, value in result.constants.items()),
    }
    if result.driver_s > 0.9 * result.makespan_s:
        rows["limit"] = f"the driver, busy for {result.driver_s:.3f} s: split the input between several"
    for title, text in rows.items():
        click.echo(f"{title:<11} {text}")


def _show_served(served: Served) -> None:
    click.echo(
        f"\n{click.style('served', bold=True)} (a virtual clock; no device was used, and the network takes no time)"
    )
    rows = {
        "comes": f"{served.rate:,.1f} requests/s, {served.requests:,} of them",
        "answered": f"{served.answered_per_s:,.1f}/s; p50 {served.p50_ms:,.1f} ms, p95 {served.p95_ms:,.1f} ms, "
        f"p99 {served.p99_ms:,.1f} ms",
        "refused": f"{served.refused:.1%}",
        "devices": f"{served.busy:.0%} busy, batches of {served.items_per_batch:.1f}, padding {served.padding:.1%}",
        "constants": ", ".join(f"{name}={value:g}" for name, value in served.constants.items()),
    }
    for title, text in rows.items():
        click.echo(f"{title:<11} {text}")
