"""A CustomResourceDefinition with everything that the API server has to understand."""

from __future__ import annotations

from typing import Any

CRD_RESOURCE = "widgets.example.dev"
API_VERSION = "example.dev/v1"


def widget_crd(**spec_properties: Any) -> dict[str, Any]:
    """Widgets: bounds, defaults, CEL with oldSelf, a status default, printer columns, selectable fields."""
    spec: dict[str, Any] = {
        "type": "object",
        "required": ["entrypoint"],
        "properties": {
            "entrypoint": {"type": "string", "minLength": 1, "maxLength": 20, "description": "What to call."},
            "retry": {
                "type": "object",
                "default": {},
                "description": "What follows a failure.",
                "properties": {
                    "retries": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": 100,
                        "default": 0,
                        "description": "How often.",
                    },
                    "delays": {
                        "type": "array",
                        "maxItems": 3,
                        "items": {
                            "type": "string",
                            "pattern": "^[0-9]+s$",
                            "x-kubernetes-validations": [
                                {
                                    "rule": "duration(self) <= duration('60s')",
                                    "message": "delays must be at most 60s",
                                }
                            ],
                        },
                    },
                },
            },
            "mode": {"type": "string", "enum": ["fast", "safe"]},
            "limit": {"x-kubernetes-int-or-string": True},
            "values": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "env": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
                },
            },
            "startAt": {"type": "string", "format": "date-time"},
            "cancelRequested": {"type": "boolean", "default": False},
            **spec_properties,
        },
        "x-kubernetes-validations": [
            {
                "rule": "self.entrypoint == oldSelf.entrypoint",
                "message": "entrypoint is immutable",
                "fieldPath": ".entrypoint",
            },
            {
                "rule": "!has(self.mode) || self.mode != 'fast' || self.retry.retries == 0",
                "messageExpression": "'mode fast allows no retries, not ' + string(self.retry.retries)",
            },
        ],
    }
    status: dict[str, Any] = {
        "type": "object",
        "default": {"phase": "Pending"},
        "properties": {
            "phase": {"type": "string"},
            "attempts": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["number"],
                "items": {
                    "type": "object",
                    "required": ["number"],
                    "properties": {
                        "number": {"type": "integer"},
                        "job": {
                            "type": "string",
                            "x-kubernetes-validations": [
                                {"rule": "self == oldSelf", "message": "a job is never renamed"}
                            ],
                        },
                    },
                },
            },
            "conditions": {
                "type": "array",
                "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "x-kubernetes-validations": [
            {
                "rule": "oldSelf.phase != 'Completed' || self.phase == 'Completed'",
                "message": "a terminal phase is final",
                "reason": "FieldValueForbidden",
            }
        ],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_RESOURCE},
        "spec": {
            "group": "example.dev",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"], "categories": ["example"]},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "selectableFields": [{"jsonPath": ".status.phase"}, {"jsonPath": ".spec.mode"}],
                    "additionalPrinterColumns": [
                        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
                        {"name": "Retries", "type": "integer", "jsonPath": ".spec.retry.retries"},
                        {
                            "name": "Reason",
                            "type": "string",
                            "jsonPath": '.status.conditions[?(@.type=="Succeeded")].reason',
                        },
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    ],
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}
                    },
                }
            ],
        },
    }


def widget(name: str = "w", *, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A Widget that is valid."""
    metadata: dict[str, Any] = {"name": name, "namespace": "default"}
    if labels:
        metadata["labels"] = labels
    return {
        "apiVersion": API_VERSION,
        "kind": "Widget",
        "metadata": metadata,
        "spec": {"entrypoint": "a:b", **spec},
    }
