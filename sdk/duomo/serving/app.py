"""The ASGI application: every task and adapter that it is given, with types, limits and metrics.

    app = duomo.serving.app(tasks=["text-classification", "feature-extraction=nlp/minilm"])

Serve it with any ASGI server, or mount it into an application of your own; ``duomo serve`` runs it with uvicorn.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from duomo.adapters import Adapter, AuditLog, adapt
from duomo.catalog import Catalog, default_catalog
from duomo.counting import with_article
from duomo.errors import UnknownTask, UsageProblem, did_you_mean
from duomo.references import find_weights
from duomo.runner import Runner, load
from duomo.serving.about import About
from duomo.serving.access import ADMIN_PATHS, Access
from duomo.serving.direct import Direct
from duomo.serving.hosted import Hosted
from duomo.serving.inference_v2 import InferenceRoutes
from duomo.serving.live.socket import LiveRoutes
from duomo.serving.monitoring.drift import Windows
from duomo.serving.monitoring.metrics import Metrics
from duomo.serving.monitoring.observe import Observed
from duomo.serving.nowhere import fault, not_found
from duomo.serving.openai import OpenAIRoutes
from duomo.serving.records import AdapterRoutes
from duomo.serving.routes import TaskRoutes
from duomo.serving.upgrading.admin import AdminRoutes, Place
from duomo.serving.wire import WireLimits
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)


def app(
    tasks: Iterable[str | Runner[Any]] = (),
    *,
    adapters: Iterable[str | Adapter[Any, Any]] = (),
    audit: str | os.PathLike[str] | None = None,
    candidates: Iterable[str] = (),
    token: str = "",
    admin_token: str = "",
    hosts: Collection[str] = (),
    origins: Collection[str] = (),
    limits: WireLimits = WireLimits(),  # noqa: B008 - it is immutable
    most_wait_s: float = 10.0,
    slo_s: float = 0.0,
    drift_folder: str | os.PathLike[str] | None = None,
    catalog: Catalog | None = None,
    load_options: Mapping[str, Any] | None = None,
) -> Starlette:
    """Make the application; models are loaded now, so that the first request is not the slow one.

    Args:
        tasks: names of tasks, ``task=model`` for another model than the default, or loaded runners.
        adapters: names of industry adapters, or adapters that are ready.
        audit: an audit log that every verdict is written into.
        candidates: ``task=model`` for models that may take the place of the one that serves a task, when the operator
            says so.
        token: what clients must send as a bearer token; empty for none.
        admin_token: what the operator must send to exchange models; nobody may when it is empty.
        hosts: names the server is known by, beside those of the loopback interface; ``*`` for any.
        origins: pages of other servers that may call this one.
        limits: what one request may ask for.
        most_wait_s: seconds that work may wait before more is refused with 429.
        slo_s: seconds in which a request is to be answered: batches are cut smaller for it; 0 for none.
        drift_folder: where the windows are kept that later items are compared with; they are made again at each start
            when left out.
        catalog: the plugins to use; all installed ones when left out.
        load_options: passed on to `duomo.load`: device, executor, devices, optimize and so on.

    Raises:
        UsageProblem: a task or an adapter is named twice.
        DuomoError: a task or model is not known, or does not load.
    """
    tasks, known = list(tasks), (catalog or default_catalog()).task  # names are checked before anything is loaded
    _check_once("task", [each.task.name if isinstance(each, Runner) else known(_parts(each)[0]).name for each in tasks])
    load_model = functools.partial(_load, catalog=catalog, options=load_options or {}, slo_s=slo_s)
    runners = [each if isinstance(each, Runner) else load_model(*_parts(each)) for each in tasks]
    for each in runners:
        each.executor.slo_s = slo_s
    metrics = Metrics()
    hosted = {
        each.task.name: Hosted(each, metrics, most_wait_s=most_wait_s, windows=Windows(each.task.name, drift_folder))
        for each in runners
    }
    judges = [each if isinstance(each, Adapter) else adapt(each, catalog=catalog) for each in adapters]
    _check_once("adapter", [each.spec.name for each in judges])
    places = _places(hosted, [_parts(each) for each in candidates], load_model, catalog)
    log = AuditLog(audit) if audit is not None else None
    records = AdapterRoutes({each.spec.name: each for each in judges}, limits, log, most_wait_s=most_wait_s)
    tasks_routes, live = TaskRoutes(hosted, limits), LiveRoutes(hosted, limits)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        for place in places.values():
            await place.close()
        for each in hosted.values():
            each.draining = True
            each.runner.close()
        for judge in judges:
            judge.close()
        if log is not None:
            log.close()

    made = Starlette(
        routes=[
            *_routes_of_tasks(tasks_routes, records, live),
            *_routes_of_protocols(OpenAIRoutes(hosted, limits), InferenceRoutes(hosted, limits)),
            *_routes_of_operators(About(hosted, metrics), AdminRoutes(places, limits)),
        ],
        middleware=[
            Middleware(Observed, metrics=metrics),
            *_for_pages(origins),
            Middleware(Access, token=token, admin_token=admin_token, hosts=hosts, origins=origins),
            Middleware(Direct, handler=tasks_routes.one, tasks=hosted),
        ],
        exception_handlers={404: not_found, 405: not_found, 500: fault},
        lifespan=lifespan,
    )
    made.router.redirect_slashes = False  # a redirect has no words, and names the address that a proxy hides
    made.state.hosted, made.state.live = hosted, live
    return made


def _for_pages(origins: Collection[str]) -> list[Middleware]:
    """Let browsers give the answers to these pages (CORS): by itself a browser asks before it sends, and keeps them."""
    if not origins:
        return []
    allowed = [each.rstrip("/").lower() for each in origins]
    headers = ["authorization", "content-type", "x-deadline-s", "x-duomo-caller", "x-request-id"]
    shown = ["retry-after", "x-duomo-model", "x-duomo-revision", "x-request-id"]
    methods = ("GET", "POST")
    return [
        Middleware(
            CORSMiddleware, allow_origins=allowed, allow_methods=methods, allow_headers=headers, expose_headers=shown
        )
    ]


def _places(
    hosted: Mapping[str, Hosted[R]],
    candidates: Sequence[tuple[str, str | None]],
    load_model: Callable[[str, str | None], Runner[R]],
    catalog: Catalog | None,
) -> dict[str, Place[R]]:
    """Each task, with what serves it and what may. Raises `UnknownTask` or what `find_weights` raises."""
    for task, model in candidates:
        if task not in hosted:
            raise UnknownTask(
                f"a candidate is named for '{task}', which is not served",
                why=did_you_mean(task, hosted) or f"served are: {', '.join(hosted)}",
                fix=f"serve {task}, too, or name one of those",
            )
        find_weights(task, model, catalog or default_catalog())  # a name that is wrong is found now, and not at night
    return {
        name: Place(
            each,
            [each.runner.meta.model, *(model for task, model in candidates if task == name and model)],
            functools.partial(load_model, name),
        )
        for name, each in hosted.items()
    }


def _routes_of_tasks(tasks: TaskRoutes, records: AdapterRoutes, live: LiveRoutes) -> list[BaseRoute]:
    return [
        Route("/v1/tasks/{task}", tasks.one, methods=["POST"]),
        Route("/v1/tasks/{task}/map", tasks.many, methods=["POST"]),
        Route("/v1/tasks/{task}", tasks.describe, methods=["GET"]),
        Route("/v1/tasks", tasks.names),
        Route("/v1/adapters/{industry}/{name}", records.judge, methods=["POST"]),
        WebSocketRoute("/v1/live/{task}", live.live),
    ]


def _routes_of_protocols(openai: OpenAIRoutes, inference: InferenceRoutes) -> list[BaseRoute]:
    return [
        Route("/v1/models", openai.models),
        Route("/v1/models/{name:path}", openai.model),
        Route("/v1/chat/completions", openai.chat, methods=["POST"]),
        Route("/v1/embeddings", openai.embeddings, methods=["POST"]),
        Route("/v1/audio/transcriptions", openai.transcriptions, methods=["POST"]),
        Route("/v1/audio/translations", openai.translations, methods=["POST"]),
        Route("/v1/audio/speech", openai.speech, methods=["POST"]),
        Route("/v2", inference.server),
        Route("/v2/health/live", inference.live),
        Route("/v2/health/ready", inference.ready),
        *(
            Route(model + path, handler, methods=[method])
            for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
            for path, handler, method in (
                ("", inference.model, "GET"),
                ("/ready", inference.model_ready, "GET"),
                ("/infer", inference.infer, "POST"),
            )
        ),
    ]


def _routes_of_operators(about: About[R], admin: AdminRoutes[R]) -> list[BaseRoute]:
    return [
        Route("/openapi.json", about.description),
        Route("/metrics", about.numbers),
        Route("/", about.page),
        Route("/-/status", about.status),
        Route("/-/status.json", about.status_record),
        Route(ADMIN_PATHS, admin.models),
        Route(ADMIN_PATHS + "/{task}/{act}", admin.act, methods=["GET", "POST", "DELETE"]),
        Route("/livez", about.alive),
        Route("/readyz", about.ready),
    ]


def _check_once(kind: str, names: Sequence[str]) -> None:
    """Raise `UsageProblem` where one comes twice: only the last would be served, under the address of both."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageProblem(
            f"the {kind} '{twice}' is named twice",
            why=f"{with_article(kind)} has one address, and one model answers there",
            fix="name it once; another model that may take over later is --candidate TASK=MODEL",
        )


def _parts(name: str) -> tuple[str, str | None]:
    task, _, model = name.partition("=")
    return task, model or None


def _load(
    task: str, model: str | None, *, catalog: Catalog | None, options: Mapping[str, Any], slo_s: float = 0.0
) -> Runner[Any]:
    runner = load(task, model, catalog=catalog, **options)
    runner.executor.slo_s = slo_s
    return runner
