"""``duomo serve``: tasks and adapters behind HTTP."""

from __future__ import annotations

import functools
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duomo.cli.app import App
from duomo.cli.numbers import Finite

if TYPE_CHECKING:
    from starlette.applications import Starlette


def _configure(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Take what the command line leaves open from a file with the same names."""
    import tomllib

    from duomo.errors import UsageProblem, did_you_mean

    if path is None:
        return None
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UsageProblem(f"'{path}' cannot be read", why=str(error), fix="correct that line") from None
    params = {name.lstrip("-"): param for param in ctx.command.params for name in param.opts if param.name}
    read: dict[str, object] = {}
    for key, value in given.items():
        if key not in params or key in ("config", "help"):
            near = did_you_mean(key, params)
            raise UsageProblem(
                f"'{path}' has an unknown setting '{key}'", why=near, fix="the names are those of --help"
            )
        param = params[key]
        is_many = param.nargs == -1 or getattr(param, "multiple", False)
        kind = "a list" if is_many else "true or false" if getattr(param, "is_flag", False) else "one value"
        if kind != _kind(value):
            raise UsageProblem(
                f"'{key}' of '{path}' must be {kind}, not {value!r:.60}",
                fix=f'{key} = ["…"]' if is_many else f"duomo serve --help: --{key}",
            )
        # As text, so that it is read as on the command line: click takes 3.7 and true for whole numbers.
        read[str(param.name)] = [*map(str, value)] if is_many else value if kind == "true or false" else str(value)
    ctx.default_map = {**(ctx.default_map or {}), **read}
    return path


def _kind(value: object) -> str:
    kinds = {bool: "true or false", list: "a list", dict: "a table"}
    return kinds.get(type(value), "one value")


@click.command("serve")
@click.argument("tasks", nargs=-1)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_configure,
    help="Read what is not given here from a TOML file, in which tasks is a list: serve.toml.",
)
@click.option("-a", "--adapter", "adapters", multiple=True, help="An industry adapter to serve; may be given again.")
@click.option("--audit", type=click.Path(path_type=Path), help="Write every verdict into this audit log.")
@click.option(
    "--candidate", "candidates", multiple=True, metavar="TASK=MODEL", help="A model that may take over later."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its text is the token that clients must send.",
)
@click.option(
    "--admin-token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its text is the token of the operator, who may exchange models.",
)
@click.option("--no-token", is_flag=True, help="Let in anybody who reaches the address.")
@click.option("--host-name", "hosts", multiple=True, help="A name the server goes by; may be given again.")
@click.option("--allow-origin", "origins", multiple=True, help="A page of another server that may call this one.")
@click.option("--root-path", default="", metavar="PATH", help="The path of this server that a proxy takes away.")
@click.option("-x", "--executor", default="inline", show_default=True, help="Where models run.")
@click.option("-d", "--device", default="auto", show_default=True, help="cpu, cuda:0, …")
@click.option("--devices", default=None, help="The number of devices, or their names.")
@click.option(
    "--most-wait",
    default=10.0,
    type=Finite(0),
    show_default=True,
    help="Most seconds that work may wait; more is refused with 429.",
)
@click.option(
    "--slo",
    default=0.0,
    type=Finite(0),
    metavar="SECONDS",
    help="Seconds in which a request should be answered; 0 for no limit.",
)
@click.option(
    "--max-body", default=32 * 1024**2, type=click.IntRange(1), show_default=True, help="Most bytes of a request."
)
@click.option("--max-items", default=1000, type=click.IntRange(1), show_default=True, help="Most items of a request.")
@click.option(
    "--stop-after",
    default=30,
    type=click.IntRange(0),
    show_default=True,
    help="Seconds to finish requests that have begun, when stopped.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    help="Write one JSON line for each request into this file; - is standard error.",
)
@click.option(
    "--drift-folder", type=click.Path(path_type=Path), help="Keep in this folder what later items are compared with."
)
@click.option("--check", is_flag=True, help="Load everything, say what would be served, and end.")
@click.pass_obj
def command(app: App, /, tasks: tuple[str, ...], check: bool, **given: Any) -> None:
    """Serve tasks and adapters over HTTP.

    TASK=MODEL takes another model than the default; each task has its own types.

    A page to try them, OpenAI's routes, /openapi.json, /metrics, /livez and /readyz come with it.
    """
    from duomo.errors import RequirementMissing, UsageProblem

    try:
        from duomo import serving  # noqa: F401 - what it needs may be missing
        from duomo.serving import protocol  # noqa: F401
    except ImportError as error:
        raise RequirementMissing(
            "serving needs further libraries", why=str(error), fix="pip install 'duomo[serve]'"
        ) from None
    if not tasks and not given["adapters"]:
        raise UsageProblem("nothing is named to serve", fix="duomo serve text-classification feature-extraction")
    unnamed = next((each for each in given["candidates"] if not each.partition("=")[2]), None)
    if unnamed is not None:
        raise UsageProblem(f"the candidate '{unnamed}' names no model", fix=f"--candidate {unnamed.rstrip('=')}=MODEL")
    token = _token(given)
    if given["log"] is not None:
        _log_into(given["log"])
    _wait_idly()
    address = None if check else bind(given["host"], given["port"])  # before models are loaded, which takes longer
    made = _make(app, tasks, given, token)
    for name, each in made.state.hosted.items():
        click.echo(f"{name}: {each.runner.meta.model} on {', '.join(each.runner.executor.devices())}", err=not check)
    if address is None:
        return
    _run(made, address, given, app.verbose)


def _wait_idly() -> None:
    """Have the threads of a network sleep while they wait for each other, unless the environment says how they wait.

    By themselves they try again and again, which takes several times the CPU as soon as anything else wants the cores,
    such as what reads requests here. The library reads it when torch is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        click.get_current_context().call_on_close(functools.partial(os.environ.pop, "OMP_WAIT_POLICY", None))


def _make(app: App, tasks: tuple[str, ...], given: dict[str, Any], token: str) -> Starlette:
    """Load what is served."""
    from duomo import serving

    return serving.app(
        tasks,
        adapters=given["adapters"],
        audit=given["audit"],
        candidates=given["candidates"],
        token=token,
        admin_token=_read(given["admin_token_file"]) or os.environ.get("DUOMO_ADMIN_TOKEN", ""),
        hosts=(given["host"], *given["hosts"]),
        origins=given["origins"],
        limits=serving.WireLimits(body_bytes=given["max_body"], items=given["max_items"]),
        most_wait_s=given["most_wait"],
        slo_s=given["slo"],
        drift_folder=given["drift_folder"],
        catalog=app.catalog,
        load_options={key: given[key] for key in ("executor", "device", "devices")},
    )


def _run(made: Starlette, address: socket.socket, given: dict[str, Any], verbose: int) -> None:
    """Answer requests until told to end."""
    import uvicorn

    from duomo.serving.protocol import BoundedProtocol, DrainingServer

    settings = uvicorn.Config(
        made,
        host=given["host"],
        port=given["port"],
        log_level=("warning", "info", "debug")[min(verbose, 2)],
        access_log=verbose > 0,  # else it would be written for each request and thrown away
        log_config=_to_stderr(uvicorn.config.LOGGING_CONFIG),
        timeout_graceful_shutdown=given["stop_after"],
        timeout_keep_alive=30,
        http=BoundedProtocol,
        root_path="/".join(["", *filter(None, given["root_path"].split("/"))]),
        ws_max_size=given["max_body"],
        server_header=False,
        date_header=False,
    )
    server = DrainingServer(settings, made.state.live.drain)
    address.listen(settings.backlog)  # a reader of the address can connect at once
    click.echo(url_of(given["host"], address), err=True)
    server.run(sockets=[address])


def url_of(host: str, taken: socket.socket) -> str:
    """Write the address that a browser or a client is given."""
    return f"http://{f'[{host}]' if ':' in host else host}:{taken.getsockname()[1]}"


def bind(host: str, port: int) -> socket.socket:
    """Take an address. Raises `UsageProblem` for one that is not this machine's, or is in use."""
    from duomo.errors import UsageProblem

    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if sys.platform != "win32":  # there it would let two servers have one address
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        raise UsageProblem(
            f"cannot listen on {host}, port {port}",
            why=error.strerror or str(error),
            fix="another --port (0 picks a free one), or a --host of this machine",
        ) from None
    return taken


def _to_stderr(config: dict[str, Any]) -> dict[str, Any]:
    """Send uvicorn's log of requests where its other one goes: standard output is for results."""
    handlers = {name: {**handler, "stream": "ext://sys.stderr"} for name, handler in config["handlers"].items()}
    return {**config, "handlers": handlers}


def _log_into(path: Path) -> None:
    import logging
    import logging.handlers

    from duomo.serving.monitoring.observe import LOG

    # Watched: whoever rotates the file takes it away, and a new one is begun.
    handler = (
        logging.StreamHandler() if str(path) == "-" else logging.handlers.WatchedFileHandler(path, encoding="utf-8")
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOG.addHandler(handler)


def _read(path: Path | None) -> str:
    return path.read_text("utf-8").strip() if path is not None else ""


def _token(given: dict[str, Any]) -> str:
    from duomo.errors import UsageProblem
    from duomo.serving.access import LOOPBACK

    token = _read(given["token_file"]) or os.environ.get("DUOMO_TOKEN", "")
    for path in (given["token_file"], given["admin_token_file"]):
        if path is not None and not _read(path):
            raise UsageProblem(
                f"the token file '{path}' is empty",
                why="the server would let in whom the file was to keep out",
                fix="write a token: python -c 'import secrets; print(secrets.token_urlsafe())' > FILE",
            )
    if not token and given["host"] not in LOOPBACK and not given["no_token"]:
        raise UsageProblem(
            f"{given['host']} can be reached from other machines, and there is no token",
            why="anyone who can reach it could use the models",
            fix="--token-file FILE, the environment variable DUOMO_TOKEN, or --no-token",
        )
    return "" if given["no_token"] else token
