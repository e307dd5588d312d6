"""Resources: what the server serves, and the registry that finds one by group, version and plural."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from ferryman.dev.apiserver.errors import FieldError, NotFound, Subject

Object = dict[str, Any]
Propagation = Literal["Background", "Foreground", "Orphan"]

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CREATE_ONLY: Final = ("create",)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a write is to be done. `warnings` collects what the client should be told besides."""

    dry_run: bool = False
    field_validation: Literal["Ignore", "Warn", "Strict"] = "Warn"
    warnings: list[str] = field(default_factory=list)


class Strategy(Protocol):
    """The rules of one kind. Objects passed in are fresh: `prepare_*` may change them."""

    def decode(self, obj: Object, options: WriteOptions) -> list[FieldError]:
        """Drop or refuse unknown fields. Strict: raises BadRequest; Warn: adds to `options.warnings`."""
        ...

    def prepare_create(self, obj: Object) -> None:
        """Fill in defaults and drop what a create may not set."""
        ...

    def prepare_update(self, new: Object, old: Object, subresource: str) -> None:
        """Keep what this write may not change."""
        ...

    def validate(self, new: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The faults of `new`; `old` is None for a create."""
        ...

    def warn(self, new: Object) -> Sequence[str]:
        """What is allowed but unwise."""
        ...

    def generation_changes(self, new: Object, old: Object) -> bool:
        """Whether the update asks for something else than before."""
        ...


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a Table. `cell` maps an object to a JSON value."""

    name: str
    cell: Callable[[Object], Any]
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True)
class Resource:
    """One plural of one version of a group.

    Resources with the same `store` show the same objects; `from_stored` and `to_stored` turn
    them from and into the form that is kept.
    """

    group: str
    version: str
    plural: str
    kind: str
    strategy: Strategy
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    columns: tuple[Column, ...] = ()
    selectable: tuple[str, ...] = ()
    """Field paths, besides metadata.name and metadata.namespace, that a field selector may name."""
    unconditional_update: bool = True
    """Whether a PUT may come without a resourceVersion."""
    default_propagation: Propagation = "Background"
    store: tuple[str, str] = ("", "")
    from_stored: Callable[[Object], Object] | None = None
    to_stored: Callable[[Object], Object] | None = None
    schema: dict[str, Any] | None = None
    """The OpenAPI v3 schema, for `kubectl explain`."""

    @property
    def storage_key(self) -> tuple[str, str]:
        """Where its objects are kept."""
        return self.store if self.store[1] else (self.group, self.plural)

    @property
    def api_version(self) -> str:
        """`batch/v1`, or `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`jobs.batch`, or `pods`: the name that in-process callers use."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def subject(self, name: str = "") -> Subject:
        """For errors."""
        return Subject(self.group, self.plural, self.kind, name)


class Registry:
    """The resources that are served, by group, version and plural."""

    def __init__(self, resources: Sequence[Resource] = ()) -> None:
        self._resources: dict[tuple[str, str, str], Resource] = {}
        self._by_name: dict[str, Resource] = {}
        self.revision = 0
        """Grows whenever a resource is added or removed: discovery documents are cached by it."""
        for resource in resources:
            self.add(resource)

    def add(self, resource: Resource) -> None:
        """Serve a resource, in the place of one with the same name."""
        self._resources[resource.group, resource.version, resource.plural] = resource
        known = self._by_name.get(resource.qualified)
        if known is None or known.version == resource.version:
            self._by_name[resource.qualified] = resource
        self.revision += 1

    def remove(self, resource: Resource) -> None:
        """Stop serving it."""
        self._resources.pop((resource.group, resource.version, resource.plural), None)
        self._by_name.pop(resource.qualified, None)
        self.revision += 1

    def find(self, group: str, version: str, plural: str) -> Resource:
        """Raises NotFound, as a server does for a path that it does not know."""
        try:
            return self._resources[group, version, plural]
        except KeyError:
            raise NotFound("the server could not find the requested resource") from None

    def named(self, resource: str | Resource) -> Resource:
        """`pods`, `jobs.batch`, `taskruns.ferryman.dev` -> the resource."""
        if isinstance(resource, Resource):
            return resource
        try:
            return self._by_name[resource]
        except KeyError:
            raise NotFound(f"the server does not serve {resource!r}") from None

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._resources.values()))
