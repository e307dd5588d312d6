"""CustomResourceDefinitions as objects: creating one makes its resource served, deleting one ends it."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.dev.apiserver.custom import resources_of
from ferryman.dev.apiserver.deletion import DeleteOptions
from ferryman.dev.apiserver.errors import FieldError
from ferryman.dev.apiserver.history import Change
from ferryman.dev.apiserver.resources import Object, Resource, WriteOptions
from ferryman.dev.apiserver.storage import Storage

CRDS: str = "customresourcedefinitions.apiextensions.k8s.io"


class DefinitionStrategy:
    """The rules of CustomResourceDefinitions."""

    def decode(self, obj: Object, options: WriteOptions) -> list[FieldError]:  # noqa: ARG002 - the port's signature
        """Nothing is dropped."""
        return []

    def prepare_create(self, obj: Object) -> None:
        """It is established at once: nothing here takes time."""
        obj["metadata"]["generation"] = 1
        spec = obj.get("spec") or {}
        names = dict(spec.get("names") or {})
        if names.get("kind"):
            names.setdefault("singular", str(names["kind"]).lower())
            names.setdefault("listKind", f"{names['kind']}List")
            spec["names"] = names
        spec.setdefault("conversion", {"strategy": "None"})
        stored = [version["name"] for version in spec.get("versions") or () if version.get("storage")]
        since = obj["metadata"]["creationTimestamp"]
        obj["status"] = {
            "acceptedNames": names,
            "storedVersions": stored,
            "conditions": [
                _condition("NamesAccepted", "NoConflicts", since),
                _condition("Established", "InitialNamesAccepted", since),
            ],
        }

    def prepare_update(self, new: Object, old: Object, subresource: str) -> None:  # noqa: ARG002
        """The status is the server's."""
        if "status" in old:
            new["status"] = old["status"]

    def validate(self, new: Object, old: Object | None, subresource: str) -> list[FieldError]:  # noqa: ARG002
        """Names, versions, and schemas and rules that can be compiled."""
        spec = new.get("spec") or {}
        names = spec.get("names") or {}
        found = [
            FieldError(f"spec.{path}", "Required value", "FieldValueRequired")
            for path, value in (
                ("group", spec.get("group")),
                ("names.plural", names.get("plural")),
                ("names.kind", names.get("kind")),
                ("versions", spec.get("versions")),
            )
            if not value
        ]
        if found:
            return found
        expected = f"{names['plural']}.{spec['group']}"
        if new["metadata"]["name"] != expected:
            message = f'Invalid value: "{new["metadata"]["name"]}": must be spec.names.plural+"."+spec.group'
            found.append(FieldError("metadata.name", message))
        try:
            resources_of(new)
        except (ValueError, KeyError, TypeError) as error:
            found.append(FieldError("spec.versions", f"Invalid value: {error}"))
        return found

    def warn(self, new: Object) -> Sequence[str]:  # noqa: ARG002
        """Nothing."""
        return ()

    def generation_changes(self, new: Object, old: Object) -> bool:
        """The spec counts."""
        return bool(new.get("spec") != old.get("spec"))


def _condition(kind: str, reason: str, since: str) -> Object:
    return {"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": since}


def serve_definitions(storage: Storage) -> None:
    """From now on, serve what the CustomResourceDefinitions in the storage define."""

    def observe(resource: Resource, change: Change) -> None:
        if resource.qualified != CRDS:
            return
        if change.type == "DELETED":
            _withdraw(storage, change.record.object)
            return
        if change.before is not None and change.before.object["spec"] == change.record.object["spec"]:
            return
        for defined in resources_of(change.record.object):
            storage.registry.add(defined)

    storage.observers.append(observe)


def _withdraw(storage: Storage, crd: Object) -> None:
    for defined in resources_of(crd):
        for obj in storage.list(defined):
            metadata = obj["metadata"]
            storage.delete(
                defined, metadata.get("namespace"), metadata["name"], DeleteOptions(propagation="Background")
            )
        storage.registry.remove(defined)
