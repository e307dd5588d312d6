"""The objects of the embedded cluster as its controllers use them: read, change by identity, watch.

A thin layer over the API server's storage, in process. Objects that come out are shared: change
copies. Resources have the names `pods`, `jobs.batch`, and so on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ferryman.dev.apiserver.deletion import DeleteOptions
from ferryman.dev.apiserver.errors import Conflict, NotFound
from ferryman.dev.apiserver.storage import Storage, copy_of
from ferryman.dev.apiserver.watching import Event

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ref:
    """One object, by identity: another one of the same name is not it."""

    resource: str
    namespace: str
    name: str
    uid: str


def ref(resource: str, obj: Mapping[str, Any]) -> Ref:
    """The identity of `obj`."""
    meta = obj["metadata"]
    return Ref(resource, meta.get("namespace", ""), meta["name"], meta["uid"])


class Objects:
    """What the controllers need of the storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """The object, if there is one."""
        try:
            return self._storage.get(resource, namespace, name)
        except NotFound:
            return None

    def read(self, one: Ref) -> Object | None:
        """The object, if it is still the same one."""
        found = self.get(one.resource, one.namespace, one.name)
        return found if found and found["metadata"]["uid"] == one.uid else None

    def list(self, resource: str, namespace: str | None = None, *, labels: str = "") -> Sequence[Object]:
        """The objects that a label selector means."""
        return self._storage.list(resource, namespace, labels=labels)

    def create(self, resource: str, obj: Mapping[str, Any]) -> Object:
        """Raises ferryman.dev.apiserver.errors.ApiError."""
        return self._storage.create(resource, obj)

    def ensure(self, resource: str, obj: Mapping[str, Any]) -> None:
        """Create it unless there is one of this name."""
        meta = obj["metadata"]
        if self.get(resource, meta.get("namespace", ""), meta["name"]) is None:
            self.create(resource, obj)

    def change(self, one: Ref, change: Callable[[Object], Object]) -> None:
        """Store what `change` makes of a copy of the object; nothing happens if it is gone."""
        found = self.read(one)
        if found is not None:
            self._storage.update(one.resource, change(copy_of(found)))

    def change_status(self, one: Ref, change: Callable[[Object], Object]) -> None:
        """Store the status that `change` makes of a copy of the object; nothing happens if it is gone."""
        found = self.read(one)
        if found is not None:
            obj = copy_of(found)
            obj.setdefault("status", {})
            obj["status"] = change(obj)
            self._storage.update(one.resource, obj, subresource="status")

    def delete(self, one: Ref, *, grace_seconds: int | None = None) -> None:
        """Delete it, with its dependents in the background; nothing happens if it is gone."""
        options = DeleteOptions(uid=one.uid, propagation="Background", grace_seconds=grace_seconds)
        try:
            self._storage.delete(one.resource, one.namespace, one.name, options)
        except (NotFound, Conflict):
            return

    def watch(self, resource: str) -> AsyncIterator[Event]:
        """Every object as ADDED, then every change, for ever."""
        return self._storage.watch(resource)
