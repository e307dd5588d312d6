"""Custom resources: what a CustomResourceDefinition makes the server serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ferryman.dev.apiserver.columns import printer_columns
from ferryman.dev.apiserver.errors import FieldError
from ferryman.dev.apiserver.resources import Object, Resource, WriteOptions
from ferryman.dev.apiserver.rules import RuleTree, check_rules, compile_rules
from ferryman.dev.apiserver.schema import Schema, prune, validate, with_defaults
from ferryman.dev.apiserver.strategy import keep
from ferryman.dev.apiserver.unknown_fields import report_unknown

_BLOCKING: Final = frozenset(
    {"FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"}
)
_UNCHECKED: Final = FieldError(
    "",
    'Invalid value: "null": some validation rules were not checked because the object was invalid; '
    "correct the existing errors to complete validation",
)


class CustomStrategy:
    """The rules of a custom resource: its schema and its CEL."""

    def __init__(self, schema: Schema, *, has_status: bool) -> None:
        self.schema = schema
        self._has_status = has_status
        self._rules: RuleTree | None = compile_rules(schema)

    def decode(self, obj: Object, options: WriteOptions) -> list[FieldError]:
        """Prune unknown fields and fill in defaults."""
        report_unknown(prune(self.schema, obj, root=True), obj, options)
        with_defaults(self.schema, obj)
        return []

    def prepare_create(self, obj: Object) -> None:
        """A create may not set the status."""
        obj["metadata"]["generation"] = 1
        if self._has_status:
            obj.pop("status", None)
            with_defaults(self.schema, obj)

    def prepare_update(self, new: Object, old: Object, subresource: str) -> None:
        """/status changes the status and nothing else; any other write all but the status."""
        if not self._has_status or subresource == "delete":
            return
        if subresource == "status":
            version = new["metadata"].get("resourceVersion")
            keep(new, old, [key for key in {*new, *old} if key != "status"])
            # The metadata is the stored one, and the caller of this method goes on to change it.
            new["metadata"] = dict(new["metadata"]) | {"resourceVersion": version}
        else:
            keep(new, old, ["status"])

    def validate(self, new: Object, old: Object | None, subresource: str) -> list[FieldError]:  # noqa: ARG002
        """Schema first; the rules only where nothing stands in their way."""
        schema = self.schema
        faults = validate(schema, new) if old is None else validate(schema, new, "", old)
        if self._rules is None:
            return faults
        if any(fault.reason in _BLOCKING for fault in faults):
            return [*faults, _UNCHECKED]
        broken = check_rules(self._rules, new) if old is None else check_rules(self._rules, new, old)
        return [*faults, *broken]

    def warn(self, new: Object) -> Sequence[str]:  # noqa: ARG002
        """Nothing."""
        return ()

    def generation_changes(self, new: Object, old: Object) -> bool:
        """All but metadata and, where it is a subresource, status."""
        apart = {"metadata", "status"} if self._has_status else {"metadata"}
        return any(new.get(key) != old.get(key) for key in {*new, *old} if key not in apart)


def resources_of(crd: Object) -> list[Resource]:
    """What a CustomResourceDefinition defines, one resource for each version that is served."""
    spec = crd["spec"]
    versions = sorted(spec["versions"], key=lambda version: not version.get("storage"))
    return [_resource(spec, version) for version in versions if version.get("served", True)]


def _resource(spec: Object, version: Object) -> Resource:
    names: Object = spec["names"]
    schema: Schema = (version.get("schema") or {}).get("openAPIV3Schema") or {
        "x-kubernetes-preserve-unknown-fields": True
    }
    has_status = "status" in (version.get("subresources") or {})
    return Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        strategy=CustomStrategy(schema, has_status=has_status),
        namespaced=spec.get("scope") == "Namespaced",
        singular=names.get("singular") or names["kind"].lower(),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=("status",) if has_status else (),
        columns=printer_columns(version.get("additionalPrinterColumns")),
        selectable=_selectable(version),
        unconditional_update=False,
        schema=schema,
    )


def _selectable(version: dict[str, Any]) -> tuple[str, ...]:
    return tuple(item["jsonPath"].lstrip(".") for item in version.get("selectableFields") or ())
