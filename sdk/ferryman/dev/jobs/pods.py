"""The pods of a Job: what the Job controller makes, and what it reads of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

Object = dict[str, Any]

TRACKING_FINALIZER: Final = "batch.kubernetes.io/job-tracking"
"""Keeps a pod that was deleted by hand until its Job has counted it."""

_NAME_STEM_CHARACTERS: Final = 58


def pod_of(job: Mapping[str, Any], suffix: str) -> Object:
    """A new pod of `job`, named `<job>-<suffix>`, with the labels and the owner that Kubernetes gives it."""
    meta, template = job["metadata"], copy.deepcopy(dict(job["spec"]["template"]))
    given = template.get("metadata", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{meta['name'][:_NAME_STEM_CHARACTERS]}-{suffix}",
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": {**given.get("labels", {}), **identity_labels(job)},
            "annotations": dict(given.get("annotations", {})),
            "finalizers": [TRACKING_FINALIZER],
            "ownerReferences": [_owner(meta)],
        },
        "spec": template.get("spec", {}),
        "status": {"phase": "Pending"},
    }


def identity_labels(job: Mapping[str, Any]) -> dict[str, str]:
    """The four labels that tie a pod to its Job."""
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    return {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }


def is_uncounted(pod: Mapping[str, Any]) -> bool:
    """Whether its Job has yet to count it."""
    return TRACKING_FINALIZER in pod["metadata"].get("finalizers", ())


def owner_uid(pod: Mapping[str, Any]) -> str:
    """The UID of the Job that controls it, or "" if none does."""
    for reference in pod["metadata"].get("ownerReferences", ()):
        if reference.get("controller") and reference.get("kind") == "Job":
            return str(reference["uid"])
    return ""


def _owner(meta: Mapping[str, Any]) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
