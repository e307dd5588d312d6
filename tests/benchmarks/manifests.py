"""What is submitted: TaskRuns, and bare Jobs with the same pod template."""

from __future__ import annotations

from typing import Any

from ferryman.api import names

Object = dict[str, Any]

_NOT_COPIED = ("controller-uid", "job-name", names.MANAGED_LABEL)
"""Ends of the labels that the Job controller puts on a template, which no other Job may have, and by which
the operator watches pods: what it has to do with a bare Job's would slow down what it is compared with."""


def namespace(name: str, node: str) -> Object:
    """A namespace whose pods go to a node, and that holds them to `restricted` as a real one would."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            "annotations": {"scheduler.alpha.kubernetes.io/node-selector": f"ferryman.dev/node={node}"},
        },
    }


def taskrun(where: str, number: int) -> Object:
    """A run of a map: all of its code, some of shared arguments. Nothing of it is in a store."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": f"count-words-{number:06}",
            "namespace": where,
            "labels": {names.TASK_LABEL: "count-words"},
            "annotations": {names.SUBMISSION_ANNOTATION: f"{number:032x}"},
        },
        "spec": {
            "task": {"name": "count-words", "key": "report:count_words"},
            "function": {"blob": {"sha256": "cd" * 32, "size": 2048}},
            "parameters": {
                "blob": {"sha256": f"{number:064x}", "size": 99, "offset": 99 * number, "object": "ef" * 32}
            },
            "retry": {"retries": 2, "delays": ["10s"], "infrastructureRetries": 3},
        },
    }


def bare_job(where: str, number: int, template: Object) -> Object:
    """What somebody would write who wanted that pod to run once."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"count-words-{number:06}", "namespace": where},
        "spec": {"backoffLimit": 0, "template": template},
    }


def template_of(job: Object) -> Object:
    """A Job's pod template, without what ties it to that Job or to the operator."""
    template = job["spec"]["template"]
    labels = {k: v for k, v in template["metadata"]["labels"].items() if not k.endswith(_NOT_COPIED)}
    return {"metadata": {**template["metadata"], "labels": labels}, "spec": template["spec"]}
