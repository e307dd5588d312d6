"""`serve`: puts a worker together, and runs it until a signal."""

from __future__ import annotations

import logging
import os
import re
import secrets
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from ferryman import connection, naming
from ferryman.api import names
from ferryman.exceptions import ConfigurationError, FerrymanError
from ferryman.kube import KubeCluster
from ferryman.settings import StoreSettings
from ferryman.tasks import Task
from ferryman.wire import conditional
from ferryman.wire.obstore import ObstoreStore
from ferryman.wire.store import Store
from ferryman.worker.agent import Agent
from ferryman.worker.errand import Desk
from ferryman.worker.forge import Forge, ForgeGone
from ferryman.worker.heartbeat import Fence, Heartbeat
from ferryman.worker.kube import KubeWorkerCluster

_log: Final = logging.getLogger("ferryman.worker")

_REPORT_SECONDS: Final = 20.0
"""What stopped runs have for ending and for their reports, after the grace."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a worker works. Seconds."""

    limit: int | None = 10
    """Runs at a time; None is no limit."""
    grace: float = 30.0
    """After SIGTERM, what runs may go on for so long; then it is stopped and given back."""
    lease: int = 15
    """After how long without a sign of this worker its runs are given to others: 3 to 3600."""
    store: str = names.DEFAULT_STORE
    """What the operator calls the store that the worker is configured with: it takes runs of that one."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit must be at least 1, not {self.limit}; None is no limit")
        if not 3 <= self.lease <= 3600:
            raise ValueError(f"lease must be between 3 and 3600 seconds, not {self.lease}")
        if not re.fullmatch(names.STORE, self.store):
            raise ValueError(f"store must be a name of lower-case letters, digits and -, not {self.store!r}")


def serve(
    *tasks: Task[..., Any],
    limit: int | None = 10,
    options: Options | None = None,
    context: str | None = None,
    namespace: str | None = None,
) -> None:
    """Execute the delayed runs of these tasks until SIGTERM or Ctrl-C.

    A second signal does not wait for the grace. Raises NotServable, ConfigurationError,
    ClusterError, StoreError or StoreNotConditional.
    """
    chosen = options or Options(limit=limit)
    served = _served(tasks)
    fence = Fence()
    forge = Forge(served, fence)
    # First: what is forked has no threads and no connections, so that it can be forked from again.
    forge.start()
    try:
        _Worker(served, chosen, forge, fence).run(context, namespace)
    finally:
        forge.close()


class _Worker:
    def __init__(
        self, served: dict[str, Task[..., Any]], options: Options, forge: Forge, fence: Fence
    ) -> None:
        self._served = served
        self._options = options
        self._forge = forge
        self._fence = fence
        self._name = _worker_name()
        self._signals = 0
        # A pipe, not an Event: a signal's handler may interrupt whoever holds the lock of one.
        self._wakes, self._wake = os.pipe()
        self._error: BaseException | None = None

    def run(self, context: str | None, namespace: str | None) -> None:
        self._take_signals()
        connected = connection.open_connection(os.environ, context=context, namespace=namespace)
        if not isinstance(connected.cluster, KubeCluster):
            raise ConfigurationError("a worker needs a Kubernetes cluster")
        here = connected.settings.namespace.value
        cluster = KubeWorkerCluster(connected.cluster.api_client, here)
        store = connected.settings.require_store()
        if not store.allow_unconditional:
            conditional.check(connected.store, here)
        heartbeat = Heartbeat(
            cluster, self._fence, worker=self._name, namespace=here, duration=self._options.lease
        )
        desk = Desk(
            cluster,
            _warm(store, connected.store),
            self._forge,
            self._name,
            self._options.lease,
            self._options.store,
        )
        agent = Agent(desk, self._served, limit=self._options.limit, holds=lambda: heartbeat.holds)
        heartbeat.renewed = agent.fill
        heartbeat.start()
        self._spawn(agent.follow, "ferryman-watch")
        self._spawn(agent.follow_hooks, "ferryman-hooks")
        self._spawn(self._mind_the_forge, "ferryman-forge")
        _say(f"worker {self._name} serves {', '.join(sorted(self._served))} in namespace {here}")
        self._await_end()
        self._drain(agent, desk, heartbeat)

    def _drain(self, agent: Agent, desk: Desk, heartbeat: Heartbeat) -> None:
        if agent.active:
            _say(f"stopping: {agent.active} runs may go on for {self._options.grace:g} s")
        agent.drain(0.0 if self._error else self._options.grace, lambda: self._signals > 1)
        is_idle = agent.await_idle(_REPORT_SECONDS)
        desk.closed.set()
        agent.close()
        # Where something is left, its lease has to run out instead.
        if is_idle:
            heartbeat.stop()
        _say("stopped")
        if self._error is not None:
            raise self._error

    def _spawn(self, work: Any, name: str) -> None:
        def until_it_fails() -> None:
            try:
                work()
            except FerrymanError as error:
                self._error = self._error or error
            except Exception as error:  # noqa: BLE001 - it ends the worker, which raises it.
                _log.exception("%s", name)
                self._error = self._error or error
            os.write(self._wake, b"!")

        threading.Thread(target=until_it_fails, name=name, daemon=True).start()

    def _mind_the_forge(self) -> None:
        self._forge.wait()
        raise ForgeGone

    def _take_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._signals += 1
            os.write(self._wake, b"!")

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    def _await_end(self) -> None:
        os.read(self._wakes, 1)


def _served(tasks: tuple[Any, ...]) -> dict[str, Task[..., Any]]:
    if not tasks:
        raise ValueError("serve() needs at least one task")
    for one in tasks:
        if not isinstance(one, Task):
            raise TypeError(
                f"serve() takes tasks, not {type(one).__name__}: decorate the function with @task"
            )
    return {naming.entrypoint(one.fn): one for one in tasks}


def _warm(settings: StoreSettings, store: Store) -> Store:
    """The adapter of the runners where it can sign in: it costs a fraction of boto3's CPU per request."""
    keys = settings.credentials
    if keys is not None:
        return ObstoreStore(
            settings.location, access_key_id=keys.access_key_id, secret_access_key=keys.secret_access_key
        )
    return ObstoreStore(settings.location) if os.environ.get("AWS_ACCESS_KEY_ID") else store


def _worker_name() -> str:
    """A name for a Lease: of this process and no other one."""
    host = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower()).strip("-")[:40].strip("-")
    return f"{names.dns_label(f'worker-{host}', limit=48)}-{secrets.token_hex(4)}"


def _say(text: str) -> None:
    sys.stderr.write(f"ferryman: {text}\n")
    sys.stderr.flush()
