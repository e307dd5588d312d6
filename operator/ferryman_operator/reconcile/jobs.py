"""The Job of one attempt, or of the hooks, as JSON for the API server."""

from __future__ import annotations

from typing import Any, Final

from ferryman.api import names
from ferryman.api.runner_contract import ExitCode
from ferryman_operator.reconcile import attempts, deadlines, pods
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import Run

QUEUE_LABEL_DOMAIN: Final = "kueue.x-k8s.io"
"""Labels of this domain are read from the Job, not from its pods: Kueue's queue name and priority."""

DISRUPTION_RULE: Final = {
    "action": "FailJob",
    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
}
EXIT_CODE_RULE: Final = {
    "action": "FailJob",
    "onExitCodes": {
        "containerName": names.RUNNER_CONTAINER,
        "operator": "In",
        "values": sorted(code.value for code in ExitCode if code is not ExitCode.SUCCEEDED),
    },
}


def manifest(case: Case) -> dict[str, Any]:
    """The Job of the current attempt, or of the hooks of a run that has ended.

    Every run in `dependsOn` is in `case.seen.upstreams`, unless it has ended.
    The name is a function of run and attempt, so a second create is a conflict and not a
    second Job. The Job never tries again by itself: the ledger counts attempts, not it.
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": attempts.job_name(case.run),
            "namespace": case.run.key.namespace,
            "labels": {**_queue_labels(case), **pods.labels(case)},
            "ownerReferences": [owner_reference(case.run)],
        },
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 0,
            "activeDeadlineSeconds": deadlines.job_seconds(
                case, case.seen.world.pod.termination_grace_seconds
            ),
            "ttlSecondsAfterFinished": case.seen.world.job_ttl_seconds,
            # A pod that is being deleted still runs: wait for its end.
            "podReplacementPolicy": "Failed",
            # What a rule matched stays in the Job's condition when the pod is gone.
            "podFailurePolicy": {"rules": [DISRUPTION_RULE, EXIT_CODE_RULE]},
            "template": pods.template(case),
        },
    }


def owner_reference(run: Run) -> dict[str, Any]:
    """The run as the controller of its Jobs: they are deleted with it, and do not hold it back."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": run.key.name,
        "uid": run.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _queue_labels(case: Case) -> dict[str, str]:
    wanted = case.spec.pod.labels or {}
    return {key: value for key, value in wanted.items() if key.split("/")[0] == QUEUE_LABEL_DOMAIN}
