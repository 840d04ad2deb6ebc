"""One child process: started cheaply, ended by its own id, and never left behind by a driver that dies."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import multiprocessing
import multiprocessing.reduction
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.forkserver import ForkServer

GRACE_S = 4.0
"""How long a child may take to end when asked to."""
_DUMP_S = 0.5
_STARTING = threading.Lock()
HEAVY = ("torch", "torch._dynamo", "transformers")
"""Modules that take seconds each: those of them that a child asks for say which fork server it is of."""
_SERVERS: dict[tuple[str, ...], Any] = {}
"""Our fork servers, by what they have of `HEAVY`."""
_OF_TERMINALS = {getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)}
"""Signals that a terminal sends to all its processes: the driver answers them."""


class Child:
    """A process that runs ``target(*args)``.

    Args:
        target: a function of a module; what it is given must be picklable, and file descriptors travel
            as `Descriptor`.
        preload: modules that a fork server imports once, so that each child starts with them in
            hundredths of a second. There is a server for what a child asks for of `HEAVY`, and the
            first child of each decides what else it has.
        with_main: whether the child needs what the driver's ``__main__`` defines. Otherwise it is not run
            again there, and a script needs no ``if __name__ == "__main__"``.

    Raises:
        OSError: there are too many processes or files, or the fork server has ended.
    """

    def __init__(
        self, target: Callable[..., None], args: Sequence[Any], *, preload: Sequence[str], with_main: bool = False
    ) -> None:
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
        with contextlib.ExitStack() as stack:
            stack.enter_context(_STARTING)
            if not with_main:
                stack.enter_context(_empty_main())
            if forks:
                stack.enter_context(_fork_server(preload))
            # A daemon is ended when this process ends in the ordinary way.
            self._process = context.Process(target=target, args=tuple(args), name="duomo-worker", daemon=True)
            try:
                self._process.start()
            except (EOFError, ConnectionError) as error:  # to click an EOFError is Ctrl-D
                raise ChildProcessError("the process that starts workers ended while it started one") from error
        self.pid: int = self._process.pid
        self.sentinel: int = self._process.sentinel

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return bool(self._process.is_alive())

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        self._process.join(2.0)
        code = self._process.exitcode
        if code is None:
            return "it closed its pipe and went silent"
        if code >= 0:
            return f"it left with exit code {code}"
        try:
            return f"signal {signal.Signals(-code).name} ended it"
        except ValueError:
            return f"signal {-code} ended it"

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()

    def dump_stack(self) -> None:
        """Have it write where it is to the file it was given, and wait a little for that."""
        if hasattr(signal, "SIGUSR1"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGUSR1)
                time.sleep(_DUMP_S)

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._process.join(timeout_s)


def end(children: Sequence[Child], grace_s: float = GRACE_S) -> None:
    """End them all: ask, wait, then kill. Those that ended already cost nothing."""
    for child in children:
        if child.is_alive:
            child.terminate()
    deadline = time.monotonic() + grace_s
    for child in children:
        child.join(max(0.0, deadline - time.monotonic()))
    for child in children:
        if child.is_alive:
            child.kill()
            child.join(grace_s)


def follow_driver(last_words: Sequence[int]) -> None:
    """Called first in a child: die when the parent does, leave signals of the terminal to it, and tell how it died.

    Args:
        last_words: descriptor of a file for the stack of a crash, or of a hang on demand
            (`Child.dump_stack`); none where there is no such file.
    """
    for each in _OF_TERMINALS:
        signal.signal(each, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OF_TERMINALS)  # as the fork server was started
    _leave_fork_server()
    if sys.platform == "linux":  # a signal of the kernel comes even while a long call holds the interpreter
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    for file in last_words:
        faulthandler.enable(file)
        faulthandler.register(signal.SIGUSR1, file)
    if sys.platform != "win32":
        os.dup2(2, 1)  # standard output is the driver's: results may be going there


@contextlib.contextmanager
def _fork_server(preload: Sequence[str]) -> Iterator[None]:
    """Let `multiprocessing` use our own server for a while: its only one may be there already, without torch."""
    from multiprocessing import forkserver

    kind = tuple(each for each in HEAVY if each in preload)
    if kind not in _SERVERS:
        # Looking whether there is a GPU must not initialise CUDA, which no fork survives.
        os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
        _SERVERS[kind] = forkserver.ForkServer()
        _SERVERS[kind].set_forkserver_preload(list(preload))
    _ensure_running(_SERVERS[kind])
    usual = forkserver.connect_to_new_process
    forkserver.connect_to_new_process = _SERVERS[kind].connect_to_new_process
    try:
        yield
    finally:
        forkserver.connect_to_new_process = usual


def _ensure_running(server: ForkServer) -> None:
    """Start the server deaf to Ctrl-C, which it ignores by itself only when its modules are imported, seconds later.

    And to the end of its terminal, which it would not ignore: its children would end with it.
    """
    from multiprocessing import resource_tracker

    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_TERMINALS)
    try:
        resource_tracker.ensure_running()  # it lets Ctrl-C through again behind itself
        signal.pthread_sigmask(signal.SIG_BLOCK, _OF_TERMINALS)
        server.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_fork_server() -> None:
    """Let the fork server end with the driver, though this process lives: its end is what the kernel tells us of."""
    server: Any = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    if server is not None and getattr(server, "_forkserver_alive_fd", None) is not None:
        os.close(server._forkserver_alive_fd)
        server._forkserver_alive_fd = None


class Descriptor:
    """A file descriptor that may travel among the arguments of a `Child`."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __getstate__(self) -> Any:
        return multiprocessing.reduction.DupFd(self._number)

    def __setstate__(self, travelled: Any) -> None:
        self._travelled = travelled

    def detach(self) -> int:
        """Its number in the child."""
        return int(self._travelled.detach())


@contextlib.contextmanager
def _empty_main() -> Iterator[None]:
    """Or `multiprocessing` would run the driver's script again in each child: let there seem to be none."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
