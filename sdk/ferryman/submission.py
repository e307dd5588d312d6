"""From a call to what is sent: blobs for the store, a TaskRun for Kubernetes. Pure."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any, Final, Protocol

from ferryman import naming, options
from ferryman.api import durations, names
from ferryman.binding import Call
from ferryman.context import Context, TaskRun, entered, flow_run_id
from ferryman.exceptions import InvalidTaskRun, PayloadTooLarge
from ferryman.options import TaskOptions
from ferryman.portable import portable
from ferryman.resolution import settled
from ferryman.upstreams import Upstreams
from ferryman.wire import codecs, culprit, envelope, formats
from ferryman.wire.codecs import Sealed

MAX_BLOB_BYTES: Final = 1024**3
"""Of the code, and of the arguments of one run: what should travel by itself is larger."""


class Carrier(Protocol):
    """A `ferryman.Task`, as far as a code blob is concerned."""

    @property
    def fn(self) -> Callable[..., Any]: ...

    def carrying(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The task around another function, and without an instance."""
        ...

    def context_of(self, run: TaskRun, parameters: Mapping[str, Any]) -> Context:
        """What `get_run_context()` gives to the function in this run."""
        ...


LARGE_CODE_BYTES: Final = 16 * 1024**2
"""Code that is larger has captured data: it is uploaded anew whenever the data changes."""

_log = logging.getLogger("ferryman")


@dataclass(frozen=True)
class Definition:
    """A task as a submission sees it; `options` may have been completed on the way."""

    task: Carrier
    options: TaskOptions
    key: str


@dataclass(frozen=True)
class Parent:
    """The run whose code submits another one."""

    name: str
    uid: str


@dataclass(frozen=True)
class Identity:
    """Which run: chosen by the caller, because it is random. `parent`: who submits it, if a run does.

    `client`: the id of the client that creates it.
    """

    namespace: str
    suffix: str
    token: str
    client: str
    parent: Parent | None = None


@dataclass(frozen=True)
class SealedCall:
    """The argument blob of one call, None where it has no arguments, and whom it waits for."""

    arguments: Sealed | None
    depends_on: Sequence[Mapping[str, str]]
    parameters: Mapping[str, Any]


def seal_code(definition: Definition, by_value: Sequence[ModuleType]) -> Sealed:
    """The code blob. Raises SerializationError, or PayloadTooLarge. Warns of one that is large."""
    what = f"the function of task {definition.options.name!r}"
    function = definition.task.fn
    sealed = codecs.seal_code(codecs.Code(definition.task.carrying(portable(function))), by_value=by_value)
    if sealed.size > LARGE_CODE_BYTES:
        name, size = culprit.largest(function, lambda part: codecs.size_of(part, by_value))
        _log.warning(
            "%s brings %.0f MiB along, %.0f MiB of which are %s: pass it as an argument, or load it there",
            what,
            sealed.size / 1024**2,
            size / 1024**2,
            name or "its modules",
        )
    return _within_limit(what, sealed)


def seal_call(
    call: Call,
    namespace: str,
    wait_for: Any,
    by_value: Sequence[ModuleType],
    flow_run: str | None = None,
) -> SealedCall:
    """Arguments and dependencies of a call in this flow run, if it is in one.

    Raises SerializationError, UpstreamTaskError, ParameterBindError.
    """
    upstreams = Upstreams(namespace)
    sealed = _sealed_arguments(call, upstreams, by_value, flow_run)
    if upstreams.has_states:
        upstreams = Upstreams(namespace)
        args, kwargs, parameters = settled((call.args, dict(call.kwargs), dict(call.parameters)))
        call = Call(args, kwargs, parameters)
        sealed = _sealed_arguments(call, upstreams, by_value, flow_run)
    upstreams.wait_for(settled(wait_for))
    return SealedCall(sealed, upstreams.depends_on(), call.parameters)


def _sealed_arguments(
    call: Call, upstreams: Upstreams, by_value: Sequence[ModuleType], flow_run: str | None
) -> Sealed | None:
    if not call.args and not call.kwargs and flow_run is None:
        return None
    upstreams.tolerate((call.args, dict(call.kwargs)))
    sealed = codecs.seal_arguments(
        call.args, call.kwargs, reference=upstreams.reference, by_value=by_value, flow_run=flow_run
    )
    return _within_limit("the arguments", sealed)


@dataclass(frozen=True)
class Bundle:
    """The arguments of several calls in one object: `body` goes to the store, `blobs` to the runs."""

    body: bytes
    sha256: str
    blobs: tuple[dict[str, Any] | None, ...]


def bundle(calls: Sequence[SealedCall]) -> Bundle:
    """One object of all argument blobs, and each call's `spec.parameters.blob`."""
    sealed = [call.arguments for call in calls]
    bodies = [one.body for one in sealed if one is not None]
    body = b"".join(bodies)
    whole = envelope.digest(body)
    offset = 0
    blobs: list[dict[str, Any] | None] = []
    for one in sealed:
        if one is None:
            blobs.append(None)
            continue
        blob: dict[str, Any] = {"sha256": one.sha256, "size": one.size}
        blobs.append(blob if len(bodies) == 1 else {**blob, "offset": offset, "object": whole})
        offset += one.size
    return Bundle(body, whole, tuple(blobs))


def manifest(
    definition: Definition,
    identity: Identity,
    call: SealedCall,
    code: Sealed | None,
    arguments: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The TaskRun; without code, one for workers. Its name holds the task's, or what was rendered."""
    chosen = definition.options
    rendered = _rendered(definition, call)
    task = {"name": chosen.name, "key": definition.key, "version": chosen.version}
    spec: dict[str, Any] = {
        "task": {name: value for name, value in task.items() if value},
        **_code(definition, code),
        "parameters": {"blob": dict(arguments)} if arguments else None,
        "parent": asdict(identity.parent) if identity.parent else None,
        "dependsOn": [dict(one) for one in call.depends_on],
        **_run_options(chosen),
        "pod": chosen.pod.spec() if code is not None else None,
    }
    labels = _labels(chosen.name, identity)
    if code is None:
        labels[names.SERVED_LABEL] = names.served_value(spec["function"]["entrypoint"])
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": naming.run_name(rendered or chosen.name, identity.suffix),
            "namespace": identity.namespace,
            "labels": labels,
            "annotations": _annotations(identity.token, chosen.tags, rendered),
            **_owners(identity.parent),
        },
        "spec": {name: value for name, value in spec.items() if value not in (None, {}, [])},
    }


def _rendered(definition: Definition, call: SealedCall) -> str:
    chosen = definition.options
    # What a function can read of a run that is not there yet.
    run = TaskRun("", chosen.name, chosen.name, definition.key, 0, chosen.tags, flow_run_id=flow_run_id())
    with entered(definition.task.context_of(run, call.parameters)):
        return naming.rendered(chosen.task_run_name, call.parameters)


def validate(found: Mapping[str, Any]) -> None:
    """Raises InvalidTaskRun, which names each bad field, if the API server would refuse it."""
    # Deferred: pydantic is for those who submit, not for those who import a module with tasks.
    from pydantic import ValidationError  # noqa: PLC0415

    from ferryman.api import taskrun, validation  # noqa: PLC0415

    try:
        run = taskrun.parse(dict(found))
    except ValidationError as error:
        raise InvalidTaskRun("; ".join(validation.describe(error))) from None
    problems = validation.problems(run.spec, name=found["metadata"]["name"])
    if problems:
        raise InvalidTaskRun("; ".join(problems))


def _code(definition: Definition, code: Sealed | None) -> dict[str, Any]:
    if code is None:
        return {"executor": "Worker", "function": {"entrypoint": naming.entrypoint(definition.task.fn)}}
    return {"function": {"blob": {"sha256": code.sha256, "size": code.size}}}


def _run_options(chosen: TaskOptions) -> dict[str, Any]:
    retry: dict[str, Any] = {
        "retries": chosen.retries or None,
        "delays": [durations.render(delay) for delay in chosen.delays] if chosen.retries else None,
        "jitterFactor": chosen.retry_jitter_factor or None,
        "infrastructureRetries": chosen.infrastructure_retries,
    }
    serializer = chosen.result_serializer if isinstance(chosen.result_serializer, str) else formats.CUSTOM
    result = {"serializer": None if serializer == "auto" else serializer, "store": chosen.result_storage}
    result = {name: value for name, value in result.items() if value}
    return {
        "retry": {name: value for name, value in retry.items() if value not in (None, [])},
        "timeout": options.duration(chosen.timeout_seconds),
        "startTimeout": options.duration(chosen.start_timeout),
        "deadline": options.duration(chosen.deadline),
        "ttlAfterFinished": options.duration(chosen.ttl),
        "result": result or None,
        "logPrints": chosen.log_prints or None,
        "hooks": _hooks(chosen),
    }


def _hooks(chosen: TaskOptions) -> list[str]:
    kinds = {"Completion": chosen.on_completion, "Failure": chosen.on_failure}
    return [kind for kind, hooks in kinds.items() if hooks]


def _labels(task: str, identity: Identity) -> dict[str, str]:
    found = {names.TASK_LABEL: names.label_value(task), names.CLIENT_LABEL: identity.client}
    if identity.parent is not None:
        found[names.PARENT_LABEL] = names.label_value(identity.parent.name)
    return found


def _owners(parent: Parent | None) -> dict[str, Any]:
    # What is deleted with its parent, by Kubernetes' garbage collection.
    if parent is None:
        return {}
    owner = {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": parent.name, "uid": parent.uid}
    return {"ownerReferences": [owner]}


def _annotations(token: str, tags: frozenset[str], rendered: str) -> dict[str, str]:
    found = {names.SUBMISSION_ANNOTATION: token}
    if tags:
        found[names.TAGS_ANNOTATION] = json.dumps(sorted(tags), ensure_ascii=False)
    if rendered:
        found[names.RUN_NAME_ANNOTATION] = rendered
    return found


def _within_limit(what: str, sealed: Sealed) -> Sealed:
    if sealed.size > MAX_BLOB_BYTES:
        raise PayloadTooLarge(
            f"{what} would be {sealed.size / 1024**2:.0f} MiB; at most {MAX_BLOB_BYTES // 1024**2} MiB "
            "travel. Put the data into an object store and pass where it is."
        )
    return sealed
