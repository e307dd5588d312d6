"""The garbage collector: what becomes of objects whose owners go, and of namespaces that are deleted.

    collector = GarbageCollector(storage)
    task = asyncio.create_task(collector.run())

Dependents of an owner that is gone are deleted in the background; `foregroundDeletion` holds an owner
until its dependents are gone, `orphan` until they have forgotten it. An object whose owners never
existed is deleted too, as in Kubernetes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from ferryman.dev.apiserver.deletion import FOREGROUND, ORPHAN, DeleteOptions
from ferryman.dev.apiserver.errors import ApiError
from ferryman.dev.apiserver.history import Change
from ferryman.dev.apiserver.resources import Object, Resource
from ferryman.dev.apiserver.storage import Storage, copy_of

_BACKGROUND = DeleteOptions(propagation="Background")


@dataclass(frozen=True)
class _Place:
    """Where an object is."""

    resource: str
    namespace: str
    name: str


class GarbageCollector:
    """Watches everything in a storage. Create it before the first owner goes."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._living: dict[str, _Place] = {}
        self._owners: dict[str, frozenset[str]] = {}
        self._dependents: dict[str, set[str]] = {}
        self._pending: deque[str] = deque()
        self._woken = asyncio.Event()
        for resource in storage.registry:
            if not resource.store[1]:
                for obj in storage.list(resource):
                    self._learn(resource, obj)
        storage.observers.append(self._observe)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._pending:
                self.collect(limit=20)
                # Between batches, requests are served.
                await asyncio.sleep(0)

    def collect(self, limit: int | None = None) -> None:
        """Do what there is to do now, or `limit` objects of it."""
        done = 0
        while self._pending and (limit is None or done < limit):
            self._examine(self._pending.popleft())
            done += 1

    def _observe(self, resource: Resource, change: Change) -> None:
        obj = change.record.object
        if change.type == "DELETED":
            self._forget(obj["metadata"]["uid"], obj["metadata"].get("namespace", ""))
        else:
            self._learn(resource, obj)

    def _learn(self, resource: Resource, obj: Object) -> None:
        metadata = obj["metadata"]
        uid, owners = (
            metadata["uid"],
            frozenset(owner["uid"] for owner in metadata.get("ownerReferences") or ()),
        )
        self._living[uid] = _Place(resource.qualified, metadata.get("namespace", ""), metadata["name"])
        for owner in self._owners.get(uid, frozenset()) - owners:
            self._dependents.get(owner, set()).discard(uid)
            self._queue(owner)
        if owners:
            self._owners[uid] = owners
            for owner in owners:
                self._dependents.setdefault(owner, set()).add(uid)
        if metadata.get("deletionTimestamp") or owners - self._living.keys():
            self._queue(uid)

    def _forget(self, uid: str, namespace: str) -> None:
        self._living.pop(uid, None)
        for owner in self._owners.pop(uid, ()):
            self._dependents.get(owner, set()).discard(uid)
            self._queue(owner)
        for dependent in sorted(self._dependents.pop(uid, ())):
            self._queue(dependent)
        if namespace:
            self._queue_namespace(namespace)

    def _queue_namespace(self, name: str) -> None:
        try:
            metadata = self._storage.get("namespaces", None, name)["metadata"]
        except ApiError:
            return
        if metadata.get("deletionTimestamp"):
            self._queue(metadata["uid"])

    def _queue(self, uid: str) -> None:
        self._pending.append(uid)
        self._woken.set()

    def _examine(self, uid: str) -> None:
        place = self._living.get(uid)
        if place is None:
            return
        try:
            obj = self._storage.get(place.resource, place.namespace, place.name)
            if obj["metadata"]["uid"] == uid:
                self._settle(place, obj)
        except ApiError:
            # It has gone or changed meanwhile: its next change brings it back here.
            return

    def _settle(self, place: _Place, obj: Object) -> None:
        metadata = obj["metadata"]
        finalizers = metadata.get("finalizers") or ()
        if metadata.get("deletionTimestamp"):
            if place.resource == "namespaces":
                self._empty_namespace(place.name, obj)
            elif ORPHAN in finalizers:
                self._release(metadata["uid"])
                self._drop_finalizer(place, obj, ORPHAN)
            elif FOREGROUND in finalizers:
                self._delete_first(place, obj)
            return
        gone = [owner for owner in metadata.get("ownerReferences") or () if owner["uid"] not in self._living]
        if gone and len(gone) == len(metadata["ownerReferences"]):
            self._delete(place, metadata["uid"])
        elif gone:
            self._disown(place, obj, {owner["uid"] for owner in gone})

    def _delete(self, place: _Place, uid: str) -> None:
        self._storage.delete(
            place.resource, place.namespace, place.name, DeleteOptions(uid=uid, propagation="Background")
        )

    def _delete_first(self, place: _Place, obj: Object) -> None:
        dependents = [
            uid for uid in sorted(self._dependents.get(obj["metadata"]["uid"], ())) if uid in self._living
        ]
        for uid in dependents:
            dependent = self._living[uid]
            known = self._storage.get(dependent.resource, dependent.namespace, dependent.name)
            if not known["metadata"].get("deletionTimestamp"):
                self._delete(dependent, uid)
        if not any(uid in self._living for uid in dependents):
            self._drop_finalizer(place, obj, FOREGROUND)

    def _release(self, owner: str) -> None:
        for uid in sorted(self._dependents.get(owner, ())):
            place = self._living.get(uid)
            if place:
                obj = self._storage.get(place.resource, place.namespace, place.name)
                self._disown(place, obj, {owner})

    def _disown(self, place: _Place, obj: Object, owners: set[str]) -> None:
        new = copy_of(obj)
        kept = [owner for owner in new["metadata"]["ownerReferences"] if owner["uid"] not in owners]
        new["metadata"]["ownerReferences"] = kept
        self._storage.update(place.resource, new)

    def _drop_finalizer(self, place: _Place, obj: Object, name: str) -> None:
        new = copy_of(self._storage.get(place.resource, place.namespace, place.name))
        if new["metadata"]["uid"] == obj["metadata"]["uid"]:
            new["metadata"]["finalizers"] = [each for each in new["metadata"]["finalizers"] if each != name]
            self._storage.update(place.resource, new)

    def _empty_namespace(self, name: str, namespace: Object) -> None:
        left = 0
        for resource in self._storage.registry:
            if not resource.namespaced or resource.store[1] or "list" not in resource.verbs:
                continue
            for obj in self._storage.list(resource, name):
                left += 1
                if not obj["metadata"].get("deletionTimestamp"):
                    self._storage.delete(resource, name, obj["metadata"]["name"], _BACKGROUND)
        if not left:
            new = copy_of(namespace)
            new["spec"]["finalizers"] = []
            self._storage.update("namespaces", new, subresource="finalize")
