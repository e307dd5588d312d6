"""An embedded cluster, whole: what `ferryman dev` and the integration tests use.

    with EmbeddedCluster() as cluster:
        subprocess.run(["python", "script.py"], env=cluster.client_environment(os.environ))

The API server, the controllers and the node run in a thread of this process; the S3 server, the operator
and the pods are processes. Whatever way this process ends, they end too, and the directory goes.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from ferryman.api.runner_contract import StoreLocation
from ferryman.dev import kubeconfig, operator, store
from ferryman.dev.apiserver.objects import Objects, ref
from ferryman.dev.processes.child import Child
from ferryman.dev.processes.reaper import Reaper
from ferryman.exceptions import FerrymanError

if TYPE_CHECKING:
    from ferryman.dev.apiserver.server import ApiServer

T = TypeVar("T")

_WATCHDOG_SECONDS: Final = 0.5
_LEADING_ELSEWHERE: Final = frozenset({"FERRYMAN_CONTEXT", "FERRYMAN_NAMESPACE", "FERRYMAN_IMAGE"})


@dataclass(frozen=True, kw_only=True)
class Options:
    """How an embedded cluster is made.

    `operator_settings` replace top-level fields of the operator's configuration; `max_pods` run at
    the same time, four per core by default; `kubeconfig` is written there too.
    """

    kubeconfig: Path | None = None
    operator: bool = True
    operator_settings: Mapping[str, Any] = field(default_factory=dict)
    max_pods: int | None = None


class EmbeddedCluster:
    """A context manager; `start` and `stop` do the same in two calls. For use from any thread."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._stack = ExitStack()
        self._operator: Child | None = None
        self._operator_wanted = False
        self._operator_lock = threading.Lock()
        self._stopping = threading.Event()
        self.restarts = 0
        """How often the operator died by itself and was started again."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start every part and wait until all are ready. Raises ChildFailed, ConfigurationError."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every part and remove every file. May be called twice."""
        self._stopping.set()
        self._stack.close()

    # What it consists of

    @property
    def server(self) -> ApiServer:
        """The API server, with its `faults` and its `ledger`: touch it through `call` only."""
        return self._plane.server

    @property
    def objects(self) -> Objects:
        """Everything in the cluster: touch it through `call` only."""
        return self._plane.objects

    @property
    def store(self) -> StoreLocation:
        return self._store.location

    @property
    def store_credentials(self) -> dict[str, str]:
        return self._store.credentials

    @property
    def environ(self) -> dict[str, str]:
        """The variables with which a client finds this cluster."""
        return {"KUBECONFIG": str(self.kubeconfig)}

    def client_environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` for a client of this cluster: without the variables that would lead it to another one."""
        kept = {name: value for name, value in base.items() if name not in _LEADING_ELSEWHERE}
        return {
            name: value for name, value in kept.items() if not name.startswith("FERRYMAN_STORE_")
        } | self.environ

    def call(self, function: Callable[[], T]) -> T:
        """What `function` returns, called in the event loop that owns the cluster."""

        async def called() -> T:
            return function()

        return self._run(called())

    # The operator

    @property
    def operator_pid(self) -> int | None:
        """The operator's process, if it lives."""
        child = self._operator
        return child.pid if child is not None and child.is_alive else None

    @property
    def operator_command(self) -> str:
        """What to type into a shell to start an operator by hand, under a debugger for example."""
        return operator.command_line(self.kubeconfig, self.directory)

    @property
    def operator_log(self) -> Path:
        return self.directory / "operator.log"

    def start_operator(self, *, wait: bool = True) -> None:
        """Start it; with `wait`, return when it leads. Raises ChildFailed."""
        with self._operator_lock:
            self._operator_wanted = True
            # Its forerunner is gone, which the Lease alone would tell only after a while.
            self.call(self._drop_lease)
            self._operator = operator.start(self.kubeconfig, self.directory, self._reaper)
            if wait:
                self._operator.await_ready(lambda: self.call(self._lease_holder))

    def kill_operator(self) -> None:
        """SIGKILL: it stays dead until `start_operator`."""
        self._end_operator(Child.kill)

    def stop_operator(self) -> None:
        """SIGTERM: it stays away until `start_operator`."""
        self._end_operator(Child.stop)

    def _end_operator(self, end: Callable[[Child], None]) -> None:
        with self._operator_lock:
            self._operator_wanted = False
            child, self._operator = self._operator, None
            if child is not None:
                end(child)

    # How

    def _start(self) -> None:
        if self._options.kubeconfig is not None:
            kubeconfig.require_replaceable(self._options.kubeconfig)
        self.directory = Path(tempfile.mkdtemp(prefix="ferryman-dev-"))
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self._reaper = self._stack.enter_context(Reaper(self.directory))
        moto = store.start(self.directory, self._reaper)
        self._stack.callback(moto.kill)
        # Deferred: these imports take as long as the S3 server takes to start, at the same time.
        from ferryman.dev.control_plane import ControlPlane  # noqa: PLC0415

        self._start_loop()
        self.kubeconfig = self._options.kubeconfig or self.directory / "kubeconfig"
        pods = self.directory / "pods"
        pods.mkdir()
        self._plane = self.call(
            lambda: ControlPlane(
                pods,
                self._reaper,
                max_pods=self._options.max_pods,
                kubeconfig=self.kubeconfig.absolute(),
            )
        )
        self._stack.callback(lambda: self._run(self._plane.stop()))
        self._store = store.finish(moto)
        self.url = self._run(self._plane.start(self._store.credentials))
        self._write_kubeconfig()
        operator.configure(self._store, self._options.operator_settings, self.directory)
        if self._options.operator:
            self._stack.callback(self.stop_operator)
            self.start_operator()
            self._start_watchdog()

    def _start_loop(self) -> None:
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="embedded-cluster", daemon=True)
        thread.start()
        self._stack.callback(self._loop.close)
        self._stack.callback(thread.join)
        self._stack.callback(self._loop.call_soon_threadsafe, self._loop.stop)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _write_kubeconfig(self) -> None:
        kubeconfig.write(self.kubeconfig, self.url, self.store)
        self._stack.callback(self.kubeconfig.unlink, missing_ok=True)

    def _start_watchdog(self) -> None:
        thread = threading.Thread(target=self._watch_operator, name="operator-watchdog", daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(self._stopping.set)

    def _watch_operator(self) -> None:
        while not self._stopping.wait(_WATCHDOG_SECONDS):
            child = self._operator
            if self._operator_wanted and child is not None and not child.is_alive:
                self.restarts += 1
                self.start_operator(wait=False)

    def _lease_holder(self) -> str | None:
        lease = self.objects.get("leases.coordination.k8s.io", operator.NAMESPACE, operator.LEASE)
        return ((lease or {}).get("spec") or {}).get("holderIdentity") or None

    def _drop_lease(self) -> None:
        lease = self.objects.get("leases.coordination.k8s.io", operator.NAMESPACE, operator.LEASE)
        if lease is not None:
            self.objects.delete(ref("leases.coordination.k8s.io", lease))

    def check(self) -> None:
        """Raises FerrymanError if a part has died."""
        if error := self.call(self._plane.failure):
            raise FerrymanError(f"a part of the embedded cluster failed: {error!r}") from error
        if not self._store.child.is_alive:
            raise FerrymanError("the S3 server of the embedded cluster has ended")
