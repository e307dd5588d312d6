"""Objects in memory, with the versions, conflicts, deletions and watches of a Kubernetes API server.

Everything but waiting for a watch is synchronous: one event loop, no await inside a change, so a
method is a transaction. Objects that come out are shared: never change one, `copy_of` it first.
Objects that go in are copied.

    storage.create("pods", pod)
    job = copy_of(storage.get("jobs.batch", "default", "x"))
    storage.update("jobs.batch", job | {"status": {}}, subresource="status")
    storage.patch("jobs.batch", "default", "x", {"status": {"ready": 1}}, subresource="status")
    async for event in storage.watch("pods"): ...      # first what exists, then every change, for ever
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ferryman.dev.apiserver import errors
from ferryman.dev.apiserver import metadata as meta
from ferryman.dev.apiserver.deletion import DeleteOptions, is_held, mark_deleted
from ferryman.dev.apiserver.errors import FieldError, invalid, not_found
from ferryman.dev.apiserver.history import Change, EventType, History, Record
from ferryman.dev.apiserver.patches import PatchKind, apply_patch
from ferryman.dev.apiserver.resources import Object, Registry, Resource, WriteOptions
from ferryman.dev.apiserver.selectors import Selection
from ferryman.dev.apiserver.watching import Event, Listing, Watcher

Admission = Callable[["Storage", Resource, Object], None]
"""Called with every object about to be created; refuses by raising an ApiError."""

Observer = Callable[[Resource, Change], None]
"""Called with every change, right after it."""

HISTORY_LIMIT: Final = 20_000


def copy_of(obj: Mapping[str, Any]) -> Object:
    """A deep copy that may be changed."""
    copied: Object = json.loads(json.dumps(obj))
    return copied


def _now() -> datetime:
    return datetime.now(UTC)


class Collection:
    """The objects of one resource and their changes."""

    def __init__(self, limit: int, born: int) -> None:
        self.records: dict[tuple[str, str], Record] = {}
        self.history = History(limit, born)


class Storage:
    """All objects of a cluster."""

    def __init__(
        self,
        registry: Registry,
        *,
        clock: Callable[[], datetime] = _now,
        history_limit: int = HISTORY_LIMIT,
        first_version: int = 1,
    ) -> None:
        self.registry = registry
        self.clock = clock
        self.admission: list[Admission] = []
        self.observers: list[Observer] = []
        self._history_limit = history_limit
        self._version = first_version
        self._born = first_version - 1
        self._collections: dict[tuple[str, str], Collection] = {}

    # Reading

    @property
    def version(self) -> int:
        """The resourceVersion of the newest change."""
        return self._version

    def get(self, resource: str | Resource, namespace: str | None, name: str) -> Object:
        """The object. `namespace` is None or "" for what has none. Raises NotFound."""
        return self.record(resource, namespace, name).object

    def record(self, resource: str | Resource, namespace: str | None, name: str) -> Record:
        """The object with its version and JSON. Raises NotFound."""
        found = self.registry.named(resource)
        record = self._collection(found).records.get((namespace or "", name))
        if record is None:
            raise not_found(found.subject(name))
        return record

    def list(
        self, resource: str | Resource, namespace: str | None = None, *, labels: str = ""
    ) -> Sequence[Object]:
        """The objects of a namespace, or of all, by name. `labels` is a label selector."""
        return [record.object for record in self.select(resource, Selection.of(namespace, labels)).records]

    def select(self, resource: str | Resource, selection: Selection, *, at: int | None = None) -> Listing:
        """The records that a selection means, by name, now or at an older version. Raises Gone."""
        collection = self._collection(self.registry.named(resource))
        records = collection.records if at is None else self._rebuild(collection, at)
        chosen = [records[key] for key in sorted(records) if selection.matches(records[key].object)]
        return Listing(chosen, self._version if at is None else at)

    def watch(
        self,
        resource: str | Resource,
        namespace: str | None = None,
        *,
        since: int | None = None,
        labels: str = "",
    ) -> AsyncIterator[Event]:
        """What exists as ADDED, then every change; with `since`, only what came after it. Raises Gone."""
        return self.open_watch(resource, Selection.of(namespace, labels), since=since).events()

    def open_watch(
        self, resource: str | Resource, selection: Selection, *, since: int | None = None
    ) -> Watcher:
        """A watch that is read in batches. Raises Gone."""
        collection = self._collection(self.registry.named(resource))
        if since is None:
            listing = self.select(resource, selection)
            return Watcher(collection.history, selection, listing.records, self._version, self._current)
        if since > self._version:
            raise errors.Gone(f"too large resource version: {since}, current: {self._version}")
        return Watcher(collection.history, selection, (), since, self._current)

    def forget_history(self, resource: str | Resource | None = None) -> None:
        """Compact: every watch from an older version gets 410."""
        one = None if resource is None else self._collection(self.registry.named(resource))
        for collection in self._collections.values() if one is None else [one]:
            collection.history.forget(self._version)

    def version_before(self, resource: str | Resource, changes: int) -> int:
        """The version that a resource's list had so many changes ago, as far as the history reaches."""
        history = self._collection(self.registry.named(resource)).history
        known = history.read(max(history.start, history.end - changes))
        return known[0].version - 1 if known else self._version

    def wake(self, resource: str | Resource) -> None:
        """Let the watches of a resource look up, though nothing changed."""
        self._collection(self.registry.named(resource)).history.wake()

    # Writing

    def create(
        self, resource: str | Resource, obj: Mapping[str, Any], options: WriteOptions | None = None
    ) -> Object:
        """Store a new object. Raises AlreadyExists, Invalid, Forbidden (quota), NotFound (its namespace)."""
        options = options or WriteOptions()
        found = self.registry.named(resource)
        new = self._decoded(found, obj, options)
        metadata = new["metadata"]
        if metadata.get("resourceVersion"):
            raise errors.Invalid(
                "resourceVersion should not be set on objects to be created",
                found.subject(metadata.get("name", "")),
            )
        meta.initialise(metadata, self.clock())
        self._check_namespace(found, metadata)
        found.strategy.prepare_create(new)
        self._validate(found, new, None, "")
        if self._key(new) in self._collection(found).records:
            subject = found.subject(metadata["name"])
            raise errors.AlreadyExists(f'{subject.resource} "{subject.name}" already exists', subject)
        for admit in self.admission:
            admit(self, found, new)
        options.warnings.extend(found.strategy.warn(new))
        return self._commit(found, new, None, options).object

    def update(
        self,
        resource: str | Resource,
        obj: Mapping[str, Any],
        *,
        subresource: str = "",
        options: WriteOptions | None = None,
    ) -> Object:
        """Replace an object, or one subresource of it. Raises NotFound, Conflict, Invalid."""
        options = options or WriteOptions()
        found = self.registry.named(resource)
        new = self._decoded(found, obj, options)
        name = new["metadata"].get("name", "")
        old = self.record(found, new["metadata"].get("namespace"), name)
        if not new["metadata"].get("resourceVersion") and not found.unconditional_update:
            cause = FieldError(
                "metadata.resourceVersion", "Invalid value: 0x0: must be specified for an update"
            )
            raise invalid(found.subject(name), [cause])
        return self._replace(found, new, old, subresource, options)

    def patch(
        self,
        resource: str | Resource,
        namespace: str | None,
        name: str,
        patch: Any,
        *,
        kind: PatchKind = PatchKind.MERGE,
        subresource: str = "",
        options: WriteOptions | None = None,
    ) -> Object:
        """Change some fields. Raises NotFound, Conflict (a stale resourceVersion, another UID), Invalid."""
        options = options or WriteOptions()
        found = self.registry.named(resource)
        old = self.record(found, namespace, name)
        patched = apply_patch(kind, copy_of(old.object), patch, found.subject(name))
        new = self._decoded(found, patched, options)
        if self._key(new) != self._key(old.object):
            raise errors.BadRequest("the name or namespace of the object does not match that of the request")
        return self._replace(found, new, old, subresource, options)

    def delete(
        self, resource: str | Resource, namespace: str | None, name: str, options: DeleteOptions | None = None
    ) -> Object:
        """Delete an object, or mark it as being deleted where a finalizer or a grace period holds it.

        The garbage collector (gc.py) does the rest. Returns the last state. Raises NotFound, Conflict.
        """
        options = options or DeleteOptions()
        found = self.registry.named(resource)
        old = self.record(found, namespace, name)
        options.check(found, old.object)
        new = copy_of(old.object)
        mark_deleted(found, new, options, self.clock())
        if not is_held(found, new):
            return self._remove(found, old, dry_run=options.dry_run).object
        if new == old.object:
            return old.object
        found.strategy.prepare_update(new, old.object, "delete")
        return self._commit(found, new, old, WriteOptions(dry_run=options.dry_run)).object

    # How

    def _current(self) -> int:
        return self._version

    def _collection(self, resource: Resource) -> Collection:
        collection = self._collections.get(resource.storage_key)
        if collection is None:
            collection = self._collections[resource.storage_key] = Collection(self._history_limit, self._born)
        return collection

    def _decoded(self, resource: Resource, obj: Mapping[str, Any], options: WriteOptions) -> Object:
        new = copy_of(obj)
        if not isinstance(new.setdefault("metadata", {}), dict):
            raise errors.BadRequest("metadata must be an object")
        for key, value in (("apiVersion", resource.api_version), ("kind", resource.kind)):
            if not resource.store[1] and new.setdefault(key, value) != value:
                text = f"{key} in the object ({new[key]}) does not match that of the request ({value})"
                raise errors.BadRequest(text)
        faults = resource.strategy.decode(new, options)
        if faults:
            raise invalid(resource.subject(new["metadata"].get("name", "")), faults)
        return new

    def _check_namespace(self, resource: Resource, metadata: Object) -> None:
        if not resource.namespaced:
            metadata.pop("namespace", None)
            return
        namespace = self.get("namespaces", None, metadata.setdefault("namespace", "default"))
        if namespace["metadata"].get("deletionTimestamp"):
            name = metadata["namespace"]
            text = (
                f'{resource.subject().resource} "{metadata.get("name", "")}" is forbidden: '
                f"unable to create new content in namespace {name} because it is being terminated"
            )
            raise errors.Forbidden(text, resource.subject(metadata.get("name", "")))

    def _replace(
        self, resource: Resource, new: Object, old: Record, subresource: str, options: WriteOptions
    ) -> Object:
        self._check_preconditions(resource, new["metadata"], old)
        meta.carry_over(new["metadata"], old.object["metadata"])
        resource.strategy.prepare_update(new, old.object, subresource)
        new["metadata"]["resourceVersion"] = str(old.version)
        if new == old.object:
            return old.object
        self._validate(resource, new, old.object, subresource)
        if resource.strategy.generation_changes(new, old.object):
            new["metadata"]["generation"] = old.object["metadata"].get("generation", 0) + 1
        options.warnings.extend(resource.strategy.warn(new) if not subresource else ())
        if new["metadata"].get("deletionTimestamp") and not is_held(resource, new):
            return self._remove(resource, old, last=new, dry_run=options.dry_run).object
        return self._commit(resource, new, old, options).object

    def _check_preconditions(self, resource: Resource, metadata: Object, old: Record) -> None:
        subject = resource.subject(old.object["metadata"]["name"])
        told = f'Operation cannot be fulfilled on {subject.resource} "{subject.name}": '
        uid, current = metadata.get("uid"), old.object["metadata"]["uid"]
        if uid and uid != current:
            text = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {current}"
            raise errors.Conflict(told + text, subject)
        if metadata.get("resourceVersion") and metadata["resourceVersion"] != str(old.version):
            text = (
                "the object has been modified; please apply your changes to the latest version and try again"
            )
            raise errors.Conflict(told + text, subject)

    def _validate(self, resource: Resource, new: Object, old: Object | None, subresource: str) -> None:
        metadata = new["metadata"]
        if old is None:
            faults = meta.check(metadata, label_name=resource.plural == "namespaces")
        else:
            faults = [*meta.check_maps(metadata), *meta.check_finalizers(metadata, old["metadata"])]
        faults += resource.strategy.validate(new, old, subresource)
        if faults:
            raise invalid(resource.subject(metadata.get("name", "")), faults)

    @staticmethod
    def _key(obj: Object) -> tuple[str, str]:
        return obj["metadata"].get("namespace", ""), obj["metadata"].get("name", "")

    def _commit(self, resource: Resource, new: Object, old: Record | None, options: WriteOptions) -> Record:
        if options.dry_run:
            return Record(new, self._version)
        return self._append(resource, "ADDED" if old is None else "MODIFIED", new, old)

    def _remove(
        self, resource: Resource, old: Record, *, last: Object | None = None, dry_run: bool = False
    ) -> Record:
        if dry_run:
            return old
        new = dict(last or old.object)
        new["metadata"] = dict(new["metadata"])
        return self._append(resource, "DELETED", new, old)

    def _append(self, resource: Resource, kind: EventType, new: Object, old: Record | None) -> Record:
        self._version += 1
        new["metadata"]["resourceVersion"] = str(self._version)
        record = Record(new, self._version)
        collection = self._collection(resource)
        if kind == "DELETED":
            del collection.records[self._key(new)]
        else:
            collection.records[self._key(new)] = record
        change = Change(kind, record, old)
        collection.history.append(change)
        for observe in self.observers:
            observe(resource, change)
        return record

    def _rebuild(self, collection: Collection, version: int) -> dict[tuple[str, str], Record]:
        """Undo, newest first, every change after a version."""
        records = dict(collection.records)
        for change in reversed(collection.history.read(collection.history.after(version))):
            key = self._key(change.record.object)
            if change.before is None:
                records.pop(key, None)
            else:
                records[key] = change.before
        return records
