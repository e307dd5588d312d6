"""The environment of a runner: its assignment, its store, its upstreams, and what the user adds."""

from __future__ import annotations

from typing import Any

from ferryman.api import assigning, durations
from ferryman.api.assigning import Whose
from ferryman.api.runner_contract import (
    Assignment,
    Env,
    encode_assignment,
    encode_store,
    encode_upstreams,
)
from ferryman_operator.reconcile import attempts, upstreams
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import StoreConfig


def variables(case: Case) -> list[dict[str, Any]]:
    """`env` of the container. Ours come last: of two of a name Kubernetes takes the last one."""
    store = store_of(case)
    values = {
        Env.ASSIGNMENT.value: encode_assignment(assignment(case)),
        Env.STORE.value: encode_store(store.location),
        # Off is said, too: a ConfigMap of client settings in `envFrom` would otherwise turn it on.
        Env.STORE_ALLOW_UNCONDITIONAL.value: "1" if store.allow_unconditional else "0",
        **_image(case),
        **({} if case.is_over else encode_upstreams(upstreams.of(case.spec, case.seen.upstreams))),
    }
    fields = {
        Env.POD_NAME: "metadata.name",
        Env.POD_UID: "metadata.uid",
        Env.JOB_UID: "metadata.labels['batch.kubernetes.io/controller-uid']",
    }
    ours = [{"name": name, "value": value.replace("$(", "$$(")} for name, value in values.items()]
    downward = [{"name": n.value, "valueFrom": {"fieldRef": {"fieldPath": p}}} for n, p in fields.items()]
    return [*(case.spec.pod.env or []), *ours, *downward]


def _image(case: Case) -> dict[str, str]:
    """What a run submits of its own runs in its own image, if it has one."""
    wanted = case.spec.pod
    return {Env.IMAGE: wanted.image} if wanted.image and wanted.automount_service_account_token else {}


def sources(case: Case) -> list[dict[str, Any]]:
    """`envFrom` of the container. The store's comes last, so that no source of the user's replaces it."""
    secret = store_of(case).credentials_secret
    ours = [{"secretRef": {"name": secret}}] if secret else []
    return [*(case.spec.pod.env_from or []), *ours]


def store_of(case: Case) -> StoreConfig:
    """The store that the run names, which `validity` has found to be configured."""
    return case.seen.world.stores[case.spec.result.store]


def assignment(case: Case) -> Assignment:
    """What the runner of the current attempt has to do, or that of the hook attempt."""
    whose = Whose(
        case.run.key.namespace, case.run.key.name, case.run.uid, case.due, attempts.job_name(case.run)
    )
    # A Job that an operator creates late, from what it knew before it stood still, does not start.
    not_after = (case.now + durations.parse(case.spec.start_timeout)).timestamp()
    told = assigning.of_hooks if case.is_over else assigning.assignment
    return told(whose, case.spec, case.status, not_after=not_after)
