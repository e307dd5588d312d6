"""Every name that Ferryman writes into Kubernetes: who writes it, who reads it, its range.

Standard library only: the runner loads this module.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final

GROUP: Final = "ferryman.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "TaskRun"
PLURAL: Final = "taskruns"
SINGULAR: Final = "taskrun"
SHORT_NAME: Final = "frun"
CATEGORY: Final = "ferryman"

FIELD_MANAGER: Final = "ferryman-operator"

RUNNER_CONTAINER: Final = "runner"
"""The container that runs the function; the only one whose report counts."""

MANAGED_LABEL: Final = f"{GROUP}/managed"
"""Operator -> itself: "true" on every Job and Pod of ours; the server-side watch selector."""

RUN_LABEL: Final = f"{GROUP}/run"
"""Operator -> people: the name of the TaskRun, cut to 63 characters. Never identity."""

RUN_UID_LABEL: Final = f"{GROUP}/run-uid"
"""Operator -> itself: the TaskRun's UID. Selects; identity is the ownerReference's UID."""

ATTEMPT_LABEL: Final = f"{GROUP}/attempt"
"""Operator -> itself and people: the attempt's number, from 1, or HOOKS."""

HOOKS: Final = "hooks"
"""In the place of an attempt's number: the Job that calls the hooks of a run that has ended."""

TASK_LABEL: Final = f"{GROUP}/task"
"""SDK and operator -> people: the task's name as a label value."""

SERVED_LABEL: Final = f"{GROUP}/served"
"""SDK -> workers: `served_value` of the entrypoint, on runs of served tasks; what they watch by."""

PARENT_LABEL: Final = f"{GROUP}/parent"
"""SDK -> people: the name of the run whose code submitted this one, as a label value."""

CLIENT_LABEL: Final = f"{GROUP}/client"
"""SDK -> SDK and people: the random id of the client that created the run; what the client watches by."""

SUBMISSION_ANNOTATION: Final = f"{GROUP}/submission"
"""SDK -> SDK: random token of one submit call, so that a create whose reply was lost is recognised."""

TAGS_ANNOTATION: Final = f"{GROUP}/tags"
"""SDK -> people: the run's tags as a JSON list of strings, sorted."""

RUN_NAME_ANNOTATION: Final = f"{GROUP}/run-name"
"""SDK -> people: what `task_run_name` rendered to; the TaskRun's own name is made from it."""

RESERVED_LABEL_DOMAIN: Final = GROUP
"""`spec.pod.labels` and `.annotations` may not use this domain, nor a subdomain of it."""

RESERVED_ENV_PREFIXES: Final = ("FERRYMAN_", "AWS_", "PYTHON", "LD_")
"""`spec.pod.env` may not set these: they decide what code the runner loads and from where."""

STORE: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
"""The name of a store in the operator's configuration."""

DEFAULT_STORE: Final = "default"

ENTRYPOINT: Final = r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$"
"""`package.module:function`, as `spec.function.entrypoint` has it."""

QUANTITY: Final = r"^[0-9]+(\.[0-9]+)?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,2})?$"
"""An amount of CPU, memory or another resource, as Kubernetes writes it."""

_NOT_DNS: Final = re.compile(r"[^a-z0-9-]+")
_NOT_LABEL: Final = re.compile(r"[^A-Za-z0-9_.-]+")


@lru_cache(maxsize=1024)
def job_name(run_name: str, run_uid: str, attempt: int) -> str:
    """The name of the Job of one attempt: `<run>-<uid8>-<attempt>`, a DNS label of at most 63 characters.

    Deterministic, so that creating it twice is a conflict and not a second Job; it holds
    the UID, so that a re-created TaskRun of the same name never meets its forerunner's Job.
    """
    return _job_name(run_name, run_uid, str(attempt))


def hooks_job_name(run_name: str, run_uid: str) -> str:
    """The name of the Job that calls a run's hooks: `<run>-<uid8>-hooks`, a DNS label."""
    return _job_name(run_name, run_uid, HOOKS)


def _job_name(run_name: str, run_uid: str, what: str) -> str:
    suffix = f"-{run_uid.replace('-', '')[:8]}-{what}"
    stem = dns_label(run_name, limit=63 - len(suffix))
    return stem + suffix


def dns_label(text: str, *, limit: int = 63) -> str:
    """`text` as a DNS label of at most `limit` characters; "run" where nothing of it is usable."""
    cleaned = _NOT_DNS.sub("-", text.lower()).strip("-")[:limit].strip("-")
    return cleaned or "run"


def served_value(entrypoint: str) -> str:
    """SERVED_LABEL: the entrypoint with a dot for the colon; a hash and the end of a long one."""
    dotted = entrypoint.replace(":", ".")
    if len(dotted) <= 63:
        return label_value(dotted)
    digest = hashlib.sha256(entrypoint.encode()).hexdigest()[:16]
    return f"{digest}.{dotted[-46:].lstrip('_.-')}".rstrip("_.-")


def label_value(text: str) -> str:
    """`text` as a label value (at most 63 characters); "" where nothing of it is usable."""
    return _NOT_LABEL.sub("_", text)[:63].strip("_.-")
