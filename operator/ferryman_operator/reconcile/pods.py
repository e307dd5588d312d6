"""The pod of one attempt: ours first, then what `spec.pod` may add. Nothing of ours is merged over."""

from __future__ import annotations

from typing import Any, Final

from ferryman.api import names
from ferryman.api.runner_contract import COMMAND
from ferryman_operator.reconcile import environment
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import PodDefaults

SCRATCH: Final = "ferryman-scratch"
SCRATCH_PATH: Final = "/tmp"  # noqa: S108 (a volume of the pod's own, the only place that it may write to)

CONTAINER_SECURITY: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def labels(case: Case) -> dict[str, str]:
    """Our labels, on Job and pod: by them the operator watches and lists, and people select."""
    found = {
        names.MANAGED_LABEL: "true",
        names.RUN_LABEL: names.label_value(case.run.key.name),
        names.RUN_UID_LABEL: case.run.uid,
        names.ATTEMPT_LABEL: names.HOOKS if case.is_over else str(case.due),
        names.TASK_LABEL: names.label_value(case.spec.task.name),
    }
    return {key: value for key, value in found.items() if value}


def template(case: Case) -> dict[str, Any]:
    """The pod template of the Job, fit for the Pod Security level `restricted`."""
    metadata: dict[str, Any] = {"labels": {**(case.spec.pod.labels or {}), **labels(case)}}
    if case.spec.pod.annotations:
        metadata["annotations"] = dict(case.spec.pod.annotations)
    return {"metadata": metadata, "spec": _spec(case)}


def _spec(case: Case) -> dict[str, Any]:
    wanted, defaults = case.spec.pod, case.seen.world.pod
    optional = {
        "serviceAccountName": wanted.service_account_name or defaults.service_account,
        "nodeSelector": {**defaults.node_selector, **(wanted.node_selector or {})},
        "tolerations": wanted.tolerations,
        "affinity": wanted.affinity,
        "priorityClassName": wanted.priority_class_name,
        "imagePullSecrets": wanted.image_pull_secrets,
        "runtimeClassName": wanted.runtime_class_name,
    }
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": wanted.automount_service_account_token,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": defaults.termination_grace_seconds,
        # Else the runner is process 1 of its namespace, to which a SIGTERM is nothing until it has a handler:
        # a pod that is deleted while Python starts would stay for the whole grace period.
        "shareProcessNamespace": True,
        "securityContext": _pod_security(defaults),
        "containers": [_container(case)],
        "volumes": [_scratch_volume(defaults), *(wanted.volumes or [])],
        **_set(optional),
    }


def _container(case: Case) -> dict[str, Any]:
    wanted, defaults = case.spec.pod, case.seen.world.pod
    optional = {
        "imagePullPolicy": defaults.image_pull_policy,
        "resources": _resources(case),
        "envFrom": environment.sources(case),
    }
    return {
        "name": names.RUNNER_CONTAINER,
        "image": wanted.image or defaults.image,
        "command": list(COMMAND),
        "env": environment.variables(case),
        "securityContext": CONTAINER_SECURITY,
        # The report is written there; logs are not a report.
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"name": SCRATCH, "mountPath": SCRATCH_PATH}, *(wanted.volume_mounts or [])],
        **_set(optional),
    }


def _resources(case: Case) -> dict[str, Any]:
    defaults = case.seen.world.pod
    requests = _set({"cpu": defaults.cpu_request, "memory": defaults.memory_request})
    limits = _set({"cpu": defaults.cpu_limit, "memory": defaults.memory_limit})
    # As a whole: a default request beside a user's smaller limit would make the pod invalid.
    wanted = case.spec.pod.resources or _set({"requests": requests, "limits": limits})
    return _without_devices(wanted) if case.is_over else wanted


def _without_devices(resources: dict[str, Any]) -> dict[str, Any]:
    # Hooks are to start soon and need no GPU; of cpu and memory they get what importing the code may need.
    return {
        kind: {name: amount for name, amount in amounts.items() if "/" not in name}
        for kind, amounts in resources.items()
        if isinstance(amounts, dict)
    }


def _pod_security(defaults: PodDefaults) -> dict[str, Any]:
    context: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if defaults.run_as_user is not None:
        context |= dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), defaults.run_as_user)
    return context


def _scratch_volume(defaults: PodDefaults) -> dict[str, Any]:
    return {"name": SCRATCH, "emptyDir": _set({"sizeLimit": defaults.scratch_size_limit})}


def _set(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
