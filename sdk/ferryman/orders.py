"""One submit, or one map: a task's code, sealed once, and what its calls need to become runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ferryman import context, naming, submission, transaction_tree
from ferryman.binding import Call
from ferryman.caching.sharing import Sharing
from ferryman.creates import Creates
from ferryman.futures import TaskFuture
from ferryman.local_modules import local_modules
from ferryman.lookup import Lookup
from ferryman.memberships import Membership
from ferryman.submission import Bundle, Definition, Identity, Parent, SealedCall
from ferryman.uploads import Uploads
from ferryman.wire.store import Store


@dataclass(frozen=True)
class Outlet:
    """Where orders go: a client's store, its cluster, and `future(namespace, name)` of a run to be.

    `client`: its id, which its runs carry.
    """

    store: Store
    uploads: Uploads
    creates: Creates
    future: Callable[[str, str], TaskFuture[Any]]
    client: str


class Order:
    """A task that is submitted into a namespace, with what its runs share. Raises SerializationError.

    `served`: for workers, which have the code.
    """

    def __init__(
        self,
        outlet: Outlet,
        definition: Definition,
        namespace: str,
        wait_for: Any = None,
        *,
        served: bool = False,
    ) -> None:
        self.outlet = outlet
        self.namespace = namespace
        self._joined = Membership(definition.options, transaction_tree.joined())
        definition = self._joined.travelling(definition)
        self.lookup = Lookup(definition, outlet.store, namespace, shares_here=self._joined.is_on)
        self._definition = definition
        self._wait_for = wait_for
        self._by_value = local_modules()
        self._flow_run = context.flow_run_id()
        self._code = None if served else submission.seal_code(definition, self._by_value)

    def seal(self, call: Call) -> SealedCall:
        """The call as it travels. Raises SerializationError, UpstreamTaskError, ParameterBindError."""
        return submission.seal_call(call, self.namespace, self._wait_for, self._by_value, self._flow_run)

    def identity(self) -> Identity:
        """Of another run, chosen now. The run whose code this is becomes its parent."""
        parent = _parent(self.namespace)
        return Identity(
            self.namespace, naming.random_suffix(), naming.token(), client=self.outlet.client, parent=parent
        )

    def manifest(
        self, identity: Identity, call: SealedCall, blob: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """The TaskRun of the call whose arguments are in `blob`."""
        return submission.manifest(self._definition, identity, call, self._code, blob)

    def upload_code(self) -> None:
        """Before the first run, once the store has shown that runs are safe there."""
        if self._code is not None:
            self.outlet.uploads.put_code(self.namespace, self._code)

    def upload_arguments(self, bundle: Bundle) -> None:
        """Before the runs that read them."""
        self.outlet.uploads.put_arguments(self.namespace, bundle)

    def submit(self, call: Call) -> TaskFuture[Any]:
        """The future of one run, which has been created."""
        sealed, identity = self.seal(call), self.identity()
        bundle = submission.bundle([sealed])
        manifest = self.manifest(identity, sealed, bundle.blobs[0])
        (sharing,) = self.lookup.tell_all([manifest], [sealed])
        submission.validate(manifest)
        self.outlet.uploads.check(self.namespace)
        found = self.lookup.has_found(manifest, sharing)
        # The hooks of a run that ends without a pod are called by one that needs both.
        if not found or manifest["spec"].get("hooks"):
            self.upload_code()
            self.upload_arguments(bundle)
        future = self.future(manifest, sharing)
        try:
            self.outlet.creates.create(future, manifest, identity.token)
        except BaseException as error:
            future.not_created(error)
            raise
        if not found:
            self.join(future, sharing)
        return future

    def future(self, manifest: Mapping[str, Any], sharing: Sharing | None) -> TaskFuture[Any]:
        """The future of a run that is about to be created."""
        future = self.outlet.future(self.namespace, manifest["metadata"]["name"])
        future.remembers = sharing is not None and self._definition.options.cache_result_in_memory
        return future

    def join(self, future: TaskFuture[Any], sharing: Sharing | None) -> None:
        """Make the run a part of the transaction that it was submitted in, if any."""
        self._joined.add(future, self.lookup.entry(sharing))


def _parent(namespace: str) -> Parent | None:
    # A run can be the parent of those in its own namespace only.
    run = context.pod_run()
    return Parent(run.name, run.uid) if run is not None and run.namespace == namespace else None
