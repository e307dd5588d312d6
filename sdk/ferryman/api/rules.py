"""The rules between fields: each once, as CEL for the API server and as a function for everybody else.

The CRD carries `cel` and `message`; `ferryman.api.validation` calls `holds` and says the same
message. Transition rules compare with the object before; only the API server has that, so they
have no `holds`. Paths are JSON names; "*" stands for every item of a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ferryman.api import durations, names, pod_schema
from ferryman.api.phases import TERMINAL, HooksState

Path = tuple[str, ...]

ENTRYPOINT: Final = names.ENTRYPOINT
IMAGE: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$"

LONGEST_ATTEMPT: Final = timedelta(hours=720)
LONGEST_START: Final = timedelta(hours=168)
LONGEST_KEPT: Final = timedelta(hours=8760)

_NEW_RUN: Final = "create a new TaskRun instead"


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold of the value at `at`, a path from the root of a TaskRun.

    `field` is the JSON path, from `at`, of the field that the API server blames. `pattern` is the
    model's pattern of the field, which the CRD states in `cel` instead: people write these fields
    by hand, and "should match" tells them nothing.
    """

    at: Path
    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    field: str = ""
    reason: str = ""
    pattern: str = ""

    def as_schema(self) -> dict[str, str]:
        """The entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message}
        more = {"fieldPath": self.field, "reason": self.reason}
        return {**entry, **{key: value for key, value in more.items() if value}}


def _within(at: Path, longest: timedelta, remedy: str, *, zero: bool = False) -> Rule:
    name, limit = at[-1] if at[-1] != "*" else at[-2], durations.render(longest)
    least, words = (">=", "not negative") if zero else (">", "more than 0s")
    return Rule(
        at,
        f"self.matches(r'{durations.PATTERN}') "
        f"&& duration(self) {least} duration('0s') && duration(self) <= duration('{limit}')",
        f"{name} must be a duration such as 90s or 1h30m, {words} and at most {limit}; {remedy}",
        lambda text: (timedelta(0) < durations.parse(text) or zero) and durations.parse(text) <= longest,
        pattern=durations.PATTERN,
    )


def _written(at: Path, pattern: str, message: str) -> Rule:
    return Rule(
        at,
        f"self.matches(r'{pattern}')",
        message,
        lambda text: re.fullmatch(pattern, text) is not None,
        pattern=pattern,
    )


def _exactly_one(at: Path, kinds: tuple[str, ...], message: str) -> Rule:
    listed = ", ".join(f"has(self.{kind})" for kind in kinds)
    return Rule(
        at,
        f"[{listed}].filter(x, x).size() == 1",
        message,
        lambda value: sum(kind in value for kind in kinds) == 1,
    )


def _unreserved_name(at: Path, what: str) -> Rule:
    prefixes = names.RESERVED_ENV_PREFIXES
    return Rule(
        at,
        " && ".join(f"!self.startsWith('{prefix}')" for prefix in prefixes),
        f"{what} must not start with {', '.join(prefixes)}: these are reserved, because they decide what "
        "code the runner loads and from where; use another name",
        lambda name: not name.startswith(prefixes),
    )


def _own_domain(part: str) -> Rule:
    domain = names.RESERVED_LABEL_DOMAIN
    return Rule(
        ("spec", "pod", part),
        f"self.all(k, !k.startsWith('{domain}/') && !k.contains('.{domain}/'))",
        f"pod.{part} must not use the domain {domain}: it is reserved; use a domain of your own",
        lambda found: not any(k.startswith(f"{domain}/") or f".{domain}/" in k for k in found),
    )


def _required_stays(field: str) -> Rule:
    return Rule(("spec", field), "self == oldSelf", f"{field} is immutable; {_NEW_RUN}")


def _optional_stays(field: str) -> Rule:
    now, before = f"self.{field}", f"oldSelf.{field}"
    return Rule(
        ("spec",),
        f"has({now}) == has({before}) && (!has({now}) || {now} == {before})",
        f"{field} is immutable; {_NEW_RUN}",
        field=f".{field}",
    )


REQUIRED: Final = ("task", "function")
OPTIONAL: Final = (
    "parameters",
    "executor",
    "parent",
    "dependsOn",
    "startAt",
    "retry",
    "timeout",
    "startTimeout",
    "deadline",
    "result",
    "ttlAfterFinished",
    "logPrints",
    "hooks",
    "pod",
)
MUTABLE: Final = ("cancelRequested",)
"""REQUIRED, OPTIONAL and MUTABLE together are every field of the spec; a test keeps that."""

_ENDED: Final = "[" + ", ".join(f"'{phase}'" for phase in sorted(TERMINAL)) + "]"

ROOT_RULES: Final = (
    Rule(
        (),
        "!has(self.spec.dependsOn) || !self.spec.dependsOn.exists(d, d.name == self.metadata.name)",
        "dependsOn must not name the run itself: it would wait forever; remove it",
        lambda run: run["metadata"].get("name") not in {d["name"] for d in run["spec"].get("dependsOn", ())},
        field=".spec.dependsOn",
    ),
    Rule(
        (),
        f"!has(oldSelf.status) || !(oldSelf.status.phase in {_ENDED}) "
        "|| (has(self.status) && self.status.phase == oldSelf.status.phase)",
        f"status.phase is final once the run has ended; {_NEW_RUN}",
        reason="FieldValueForbidden",
    ),
)

_HOOKS_SETTLED: Final = "[" + ", ".join(f"'{one}'" for one in HooksState if one.is_settled) + "]"

FINAL_STATUS: Final = (
    "phase",
    "conditions",
    "attempts",
    "retriesUsed",
    "infrastructureRetriesUsed",
    "nextAttemptAt",
    "startedAt",
    "finishedAt",
    "observedGeneration",
    "result",
    "attemptCount",
    "lease",
    "offeredAttempt",
    "duration",
)
"""Every field of the status but `hooks`, which go on when the run has ended; a test keeps that."""


def _unchanged(field: str) -> str:
    now, before = f"self.{field}", f"oldSelf.{field}"
    return f"has({now}) == has({before}) && (!has({now}) || {now} == {before})"


STATUS_RULES: Final = (
    Rule(
        ("status",),
        f"!(oldSelf.phase in {_ENDED}) || ({' && '.join(_unchanged(field) for field in FINAL_STATUS)})",
        f"status is final once the run has ended, in every field but hooks; {_NEW_RUN}",
        reason="FieldValueForbidden",
    ),
    Rule(
        ("status",),
        f"!(oldSelf.phase in {_ENDED}) || (has(self.hooks) == has(oldSelf.hooks) && (!has(self.hooks) "
        f"|| self.hooks == oldSelf.hooks || !(oldSelf.hooks.state in {_HOOKS_SETTLED})))",
        f"status.hooks is final once the hooks are called or given up; {_NEW_RUN}",
        field=".hooks",
        reason="FieldValueForbidden",
    ),
)

TRANSITION_RULES: Final = (
    *(_required_stays(field) for field in REQUIRED),
    *(_optional_stays(field) for field in OPTIONAL),
    Rule(
        ("spec",),
        "!(has(oldSelf.cancelRequested) && oldSelf.cancelRequested) "
        "|| (has(self.cancelRequested) && self.cancelRequested)",
        f"cancelRequested cannot be unset: the run may have stopped already; {_NEW_RUN}",
        field=".cancelRequested",
    ),
)

SPEC_RULES: Final = (
    Rule(
        ("spec",),
        "!has(self.executor) || self.executor != 'Worker' || has(self.function.entrypoint)",
        "executor: Worker needs function.entrypoint, as workers bring the code themselves; "
        "write package.module:function, the name that the worker serves",
        lambda spec: spec.get("executor") != "Worker" or "entrypoint" in spec["function"],
        field=".function",
    ),
    Rule(
        ("spec", "function"),
        "has(self.blob) != has(self.entrypoint)",
        "function must have exactly one of blob and entrypoint; "
        "by hand, write entrypoint: package.module:function",
        lambda function: ("blob" in function) != ("entrypoint" in function),
    ),
    _written(
        ("spec", "function", "entrypoint"),
        ENTRYPOINT,
        "function.entrypoint must be written as package.module:function, of letters, digits, _ and .",
    ),
    Rule(
        ("spec", "parameters"),
        "!(has(self.blob) && has(self.values))",
        "parameters must have at most one of blob and values; by hand, write values",
        lambda parameters: not ("blob" in parameters and "values" in parameters),
    ),
    Rule(
        ("spec", "parameters", "blob"),
        "!has(self.offset) || self.offset == 0 || has(self.object)",
        "parameters.blob.offset needs parameters.blob.object: only a range of a larger object has an offset",
        lambda blob: not blob.get("offset") or "object" in blob,
    ),
    _within(("spec", "timeout"), LONGEST_ATTEMPT, "split what takes longer into several runs"),
    _within(("spec", "startTimeout"), LONGEST_START, "the default, 15m, suits most clusters"),
    _within(("spec", "deadline"), LONGEST_ATTEMPT, "split what takes longer into several runs"),
    _within(
        ("spec", "ttlAfterFinished"), LONGEST_KEPT, "write 0s to keep it for the shortest time", zero=True
    ),
    _within(("spec", "retry", "delays", "*"), LONGEST_ATTEMPT, "write 0s to retry at once", zero=True),
    _within(("spec", "result", "cacheExpiration"), LONGEST_KEPT, "leave it out for no expiration"),
    Rule(
        ("spec", "result"),
        "!(has(self.hit) && has(self.refreshCache) && self.refreshCache)",
        "result must have at most one of hit and refreshCache: what is to be computed anew has no hit",
        lambda result: not ("hit" in result and result.get("refreshCache")),
    ),
)

POD_RULES: Final = (
    _written(
        ("spec", "pod", "image"),
        IMAGE,
        "pod.image must be the name of an image, such as registry.example.com/team/image:1.4, without spaces",
    ),
    _unreserved_name(("spec", "pod", "env", "*", "name"), "the name of a variable in pod.env"),
    _unreserved_name(("spec", "pod", "envFrom", "*", "prefix"), "the prefix in pod.envFrom"),
    Rule(
        ("spec", "pod", "env"),
        "self.all(e, self.exists_one(f, f.name == e.name))",
        "pod.env must not name a variable twice; remove one of them",
        lambda env: len({e["name"] for e in env}) == len(env),
    ),
    Rule(
        ("spec", "pod", "env", "*"),
        "!(has(self.value) && has(self.valueFrom))",
        "a variable in pod.env has value or valueFrom, not both; remove one of them",
        lambda one: not ("value" in one and "valueFrom" in one),
    ),
    _exactly_one(
        ("spec", "pod", "env", "*", "valueFrom"),
        pod_schema.ENV_SOURCES,
        "valueFrom in pod.env must be exactly one of secretKeyRef, configMapKeyRef and fieldRef",
    ),
    _exactly_one(
        ("spec", "pod", "envFrom", "*"),
        pod_schema.ENV_FROM_SOURCES,
        "an entry of pod.envFrom must be exactly one of secretRef and configMapRef",
    ),
    _exactly_one(
        ("spec", "pod", "volumes", "*"),
        pod_schema.VOLUME_KINDS,
        "a volume in pod.volumes must be exactly one of emptyDir, configMap, secret, persistentVolumeClaim "
        "and projected; other kinds, such as hostPath, are refused",
    ),
    Rule(
        ("spec", "pod", "priorityClassName"),
        "!self.startsWith('system-')",
        "pod.priorityClassName must not start with system-: these classes preempt the cluster's own pods; "
        "use a class of your cluster's",
        lambda name: not name.startswith("system-"),
    ),
    _own_domain("labels"),
    _own_domain("annotations"),
)

RULES: Final = (*ROOT_RULES, *TRANSITION_RULES, *SPEC_RULES, *POD_RULES, *STATUS_RULES)
"""Every rule of the CRD, in the order in which problems are told."""
