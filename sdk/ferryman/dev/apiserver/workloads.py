"""The rules of Pods and Jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ferryman.dev.apiserver.errors import BadRequest, FieldError
from ferryman.dev.apiserver.metadata import check_maps
from ferryman.dev.apiserver.pod_defaults import fill_pod
from ferryman.dev.apiserver.pod_rules import (
    check_not_negative,
    check_pod,
    duplicate_variables,
    undecodable_quantity,
)
from ferryman.dev.apiserver.resources import Object, WriteOptions
from ferryman.dev.apiserver.typed import TypedStrategy

_COUNTS: Final = (
    "parallelism",
    "completions",
    "backoffLimit",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_JOB_LABELS: Final = ("batch.kubernetes.io/job-name", "job-name")
_UID_LABELS: Final = ("batch.kubernetes.io/controller-uid", "controller-uid")
_TEMPLATE: Final = "spec.template"
_ACTIONS: Final = ("Count", "FailIndex", "FailJob", "Ignore")
_FINISHED: Final = ("Complete", "Failed")


class PodStrategy(TypedStrategy):
    """Pods: their spec hardly changes once they exist."""

    def __init__(self) -> None:
        super().__init__("V1Pod", has_status=True)

    def decode(self, obj: Object, options: WriteOptions) -> list[FieldError]:
        """Quantities are read by the decoder, too. Raises BadRequest."""
        found = super().decode(obj, options)
        _refuse_quantity(obj, obj.get("spec") or {})
        return found

    def prepare_create(self, obj: Object) -> None:
        """Pending, with the defaults of a pod spec."""
        super().prepare_create(obj)
        fill_pod(obj.setdefault("spec", {}))
        obj["status"] = {"phase": "Pending", "qosClass": _quality(obj["spec"])}

    def validate(self, new: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """A valid spec; later only its image, deadline and tolerations change."""
        if old is None:
            return list(check_pod(new.get("spec") or {}, "spec"))
        if subresource == "status" or _fixed(new) == _fixed(old):
            return []
        text = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
            "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
            "(allow it to be set to 1 if it was previously negative)"
        )
        return [FieldError("spec", text, "FieldValueForbidden")]

    def warn(self, new: Object) -> Sequence[str]:
        """Variables that are set twice."""
        return duplicate_variables(new.get("spec") or {}, "spec")


def _fixed(pod: Object) -> Object:
    """What of a pod's spec never changes. The scheduler, in-process, may set the node by an update."""
    spec = dict(pod.get("spec") or {})
    for key in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName"):
        spec.pop(key, None)
    for field in ("containers", "initContainers"):
        if field in spec:
            spec[field] = [{**container, "image": ""} for container in spec[field]]
    return spec


def _quality(spec: Object) -> str:
    given = [container.get("resources") or {} for container in spec.get("containers") or ()]
    if not any(each.get("limits") or each.get("requests") for each in given):
        return "BestEffort"
    whole = all(
        {"cpu", "memory"} <= set(each.get("limits") or ()) and each.get("limits") == each.get("requests")
        for each in given
    )
    return "Guaranteed" if whole else "Burstable"


def _refuse_quantity(obj: Object, spec: Object) -> None:
    wrong = undecodable_quantity(spec)
    if wrong:
        kind = obj.get("kind", "")
        raise BadRequest(f'{kind} in version "v1" cannot be handled as a {kind}: {wrong}')


class JobStrategy(TypedStrategy):
    """Jobs: defaults, generated labels, and what the API refuses."""

    def __init__(self) -> None:
        super().__init__("V1Job", has_status=True, counts_generation=True)

    def decode(self, obj: Object, options: WriteOptions) -> list[FieldError]:
        """Quantities are read by the decoder, too. Raises BadRequest."""
        found = super().decode(obj, options)
        _refuse_quantity(obj, _pod_spec(obj))
        return found

    def prepare_create(self, obj: Object) -> None:
        """Defaults, and labels by which the Job knows its pods."""
        super().prepare_create(obj)
        obj["status"] = {}
        spec = obj.setdefault("spec", {})
        if "completions" not in spec and "parallelism" not in spec:
            spec["completions"] = 1
        spec.setdefault("parallelism", 1)
        spec.setdefault("backoffLimit", 6)
        spec.setdefault("completionMode", "NonIndexed")
        spec.setdefault("suspend", False)
        spec.setdefault("manualSelector", False)
        spec.setdefault(
            "podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
        )
        template = spec.setdefault("template", {})
        fill_pod(template.setdefault("spec", {}))
        if not spec["manualSelector"]:
            _generate_labels(obj, spec, template)

    def validate(self, new: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """A Job that Kubernetes would take."""
        if old is None:
            return list(_check_new(new))
        if subresource == "status":
            return list(_check_status(new.get("status") or {}, old.get("status") or {}))
        return list(_check_change(new["spec"], old["spec"]))

    def warn(self, new: Object) -> Sequence[str]:
        """Variables that are set twice."""
        return duplicate_variables(_pod_spec(new), f"{_TEMPLATE}.spec")


def _pod_spec(job: Object) -> Object:
    spec: Object = ((job.get("spec") or {}).get("template") or {}).get("spec") or {}
    return spec


def _generate_labels(job: Object, spec: Object, template: Object) -> None:
    metadata = job["metadata"]
    labels = template.setdefault("metadata", {}).setdefault("labels", {})
    labels.update(dict.fromkeys(_JOB_LABELS, metadata.get("name", "")))
    labels.update(dict.fromkeys(_UID_LABELS, metadata["uid"]))
    if "selector" not in spec:
        spec["selector"] = {"matchLabels": {_UID_LABELS[0]: metadata["uid"]}}


def _check_new(job: Object) -> Iterator[FieldError]:
    spec = job["spec"]
    for key in _COUNTS:
        yield from check_not_negative(spec, key, "spec")
    if not spec["manualSelector"] and (spec["selector"].get("matchLabels") or {}) != {
        _UID_LABELS[0]: job["metadata"]["uid"]
    }:
        yield FieldError("spec.selector", "Invalid value: `selector` not auto-generated")
    template = spec["template"]
    yield from check_maps(template.get("metadata") or {}, f"{_TEMPLATE}.metadata")
    yield from check_pod(template["spec"], f"{_TEMPLATE}.spec")
    yield from _check_restarts(spec, template["spec"].get("restartPolicy"))
    yield from _check_failure_policy(spec.get("podFailurePolicy") or {})
    if spec.get("podFailurePolicy") and spec["podReplacementPolicy"] != "Failed":
        text = f'Unsupported value: "{spec["podReplacementPolicy"]}": supported values: "Failed"'
        yield FieldError("spec.podReplacementPolicy", text, "FieldValueNotSupported")


def _check_restarts(spec: Object, policy: str | None) -> Iterator[FieldError]:
    path = f"{_TEMPLATE}.spec.restartPolicy"
    if policy == "Always":
        yield FieldError(path, 'Required value: valid values: "OnFailure", "Never"', "FieldValueRequired")
    elif spec.get("podFailurePolicy") and policy != "Never":
        text = f'Invalid value: "{policy}": only "Never" is supported when podFailurePolicy is specified'
        yield FieldError(path, text)


def _check_failure_policy(policy: Object) -> Iterator[FieldError]:
    for index, rule in enumerate(policy.get("rules") or ()):
        path = f"spec.podFailurePolicy.rules[{index}]"
        if rule.get("action") not in _ACTIONS:
            listed = ", ".join(f'"{action}"' for action in _ACTIONS)
            text = f'Unsupported value: "{rule.get("action", "")}": supported values: {listed}'
            yield FieldError(f"{path}.action", text, "FieldValueNotSupported")
        given = [key for key in ("onExitCodes", "onPodConditions") if rule.get(key)]
        if len(given) != 1:
            wrong = (
                "specifying both OnExitCodes and OnPodConditions is not supported"
                if given
                else "specifying one of OnExitCodes and OnPodConditions is required"
            )
            yield FieldError(path, f'Invalid value: "": {wrong}')
        yield from _check_exit_codes(rule.get("onExitCodes") or {}, f"{path}.onExitCodes")


def _check_exit_codes(codes: Object, path: str) -> Iterator[FieldError]:
    if not codes:
        return
    if codes.get("operator") not in {"In", "NotIn"}:
        text = f'Unsupported value: "{codes.get("operator", "")}": supported values: "In", "NotIn"'
        yield FieldError(f"{path}.operator", text, "FieldValueNotSupported")
    values = codes.get("values") or []
    if not values:
        yield FieldError(f"{path}.values", "Invalid value: []: at least one value is required")
    if 0 in values and codes.get("operator") == "In":
        yield FieldError(
            f"{path}.values[{values.index(0)}]", "Invalid value: 0: must not be 0 for the In operator"
        )
    if values != sorted(set(values)):
        yield FieldError(f"{path}.values", f"Invalid value: {values}: must be ordered, without duplicates")


def _check_change(new: Object, old: Object) -> Iterator[FieldError]:
    for key in _COUNTS:
        yield from check_not_negative(new, key, "spec")
    fixed = (
        "completions",
        "selector",
        "template",
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
    )
    for key in fixed:
        if new.get(key) != old.get(key) and not (old.get("suspend") and key == "template"):
            yield FieldError(f"spec.{key}", "Invalid value: field is immutable")


def _check_status(new: Object, old: Object) -> Iterator[FieldError]:
    """A Job that is complete or failed stays so."""
    ended = {kind for kind in _FINISHED if _is_true(new, kind)}
    if len(ended) > 1:
        yield FieldError(
            "status.conditions", "Invalid value: cannot set Complete=True and Failed=True conditions"
        )
    for kind in _FINISHED:
        if _is_true(old, kind) and not _is_true(new, kind):
            yield FieldError("status.conditions", f"Invalid value: cannot disable {kind}=True condition")


def _is_true(status: Object, kind: str) -> bool:
    return any(
        each.get("type") == kind and each.get("status") == "True" for each in status.get("conditions") or ()
    )
