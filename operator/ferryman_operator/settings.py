"""The operator's configuration: a YAML or JSON file. An error names the field."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from ferryman.api import durations, endpoints
from ferryman.api.runner_contract import StoreLocation
from ferryman_operator.reconcile.observed import PodDefaults, StoreConfig, World

CONFIG_VARIABLE: Final = "FERRYMAN_OPERATOR_CONFIG"


class InvalidSettings(Exception):
    """The configuration cannot be used; the message names the file and the field."""


def _duration(text: str) -> str:
    durations.parse(text)
    return text


Duration = Annotated[str, AfterValidator(_duration)]
"""A Go duration: `1.5s`, `2h`."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class StoreSettings(_Section):
    """A named store."""

    bucket: str = Field(min_length=1)
    prefix: str = ""
    endpoint: str | None = None
    region: str = "us-east-1"
    credentials_secret: str = ""
    """Name of a Secret in the run's namespace, with AWS_* keys; empty: the pod's own identity."""
    allow_unconditional: bool = False
    """Run even though the store ignores `If-None-Match`: an attempt may then run twice."""
    allow_http: bool = False
    """Let runners talk plain http beyond loopback: code and results can be replaced on the way."""

    @model_validator(mode="after")
    def _endpoint_is_safe(self) -> Self:
        # Refused here, at the start, rather than by the runner of every attempt.
        problem = endpoints.problem(self.endpoint, allow_http=self.allow_http)
        if problem:
            raise ValueError(problem)
        return self


class PodSettings(_Section):
    """What a pod gets where its run does not say."""

    image: str = Field(min_length=1)
    service_account: str = ""
    image_pull_policy: Literal["", "Always", "IfNotPresent", "Never"] = ""
    cpu_request: str = ""
    memory_request: str = ""
    cpu_limit: str = ""
    memory_limit: str = ""
    node_selector: dict[str, str] = Field(default_factory=dict)
    scratch_size_limit: str = "1Gi"
    run_as_user: int | None = Field(default=65532, ge=1)
    termination_grace_seconds: int = Field(default=30, ge=0, le=3600)


class ApiSettings(_Section):
    """How fast to ask the API server."""

    qps: float = Field(default=200, gt=0)
    burst: int = Field(default=400, ge=1)
    connections: int = Field(default=64, ge=1)
    timeout: Duration = "30s"


class LeaseSettings(_Section):
    """The Lease by which one replica leads."""

    enabled: bool = True
    namespace: str = ""
    """Empty: the operator's own."""
    name: str = Field(default="ferryman-operator", min_length=1)
    duration: Duration = "15s"
    """After this long without a renewal another replica may lead."""
    renew_deadline: Duration = "10s"
    """After this long without a renewal this replica stops leading."""
    retry_period: Duration = "2s"


class HttpSettings(_Section):
    """Where probes and metrics are served; port 0 is any free one, which the log tells."""

    host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus come from outside the pod.
    port: int = Field(default=8080, ge=0, le=65535)


class LogSettings(_Section):
    """Logging."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "text"] = "json"


class AuditSettings(_Section):
    """How often lists are compared with what the watches told."""

    first: Duration = "1m"
    every: Duration = "5m"
    grace: Duration = "1m"
    """How far a watch may lag behind a list before it counts as dead."""


class Settings(_Section):
    """All of it."""

    namespaces: tuple[str, ...] = ()
    """Those to serve; none means all."""
    stores: dict[str, StoreSettings] = Field(min_length=1)
    pod: PodSettings
    job_ttl: Duration = Field(default="168h", alias="jobTTL")
    """How long finished Jobs are kept: longer than any outage of the operator should be."""
    pending_look: Duration = "10s"
    quota_retry: Duration = "30s"
    concurrency: int = Field(default=64, ge=1)
    start_timeout: Duration = "1m"
    """How long the API server may be unreachable at the start before the process gives up."""
    shutdown_grace: Duration = "10s"
    """How long writes in flight may take after SIGTERM."""
    api: ApiSettings = ApiSettings()
    lease: LeaseSettings = LeaseSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    audit: AuditSettings = AuditSettings()

    @property
    def world(self) -> World:
        """What decisions read of it."""
        pod = self.pod.model_dump()
        return World(
            stores=MappingProxyType({name: _store(store) for name, store in self.stores.items()}),
            pod=PodDefaults(**{**pod, "node_selector": MappingProxyType(pod["node_selector"])}),
            job_ttl_seconds=int(seconds(self.job_ttl)),
            pending_look_seconds=seconds(self.pending_look),
            quota_retry_seconds=seconds(self.quota_retry),
        )


def seconds(duration: str) -> float:
    """The length of a duration that was validated."""
    return durations.parse(duration).total_seconds()


def load(path: str | None) -> Settings:
    """The settings in a file; without a path, in the one that FERRYMAN_OPERATOR_CONFIG names.

    Raises InvalidSettings.
    """
    chosen = path or os.environ.get(CONFIG_VARIABLE)
    if not chosen:
        raise InvalidSettings(f"no configuration: pass --config FILE or set {CONFIG_VARIABLE}")
    try:
        values = yaml.safe_load(Path(chosen).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSettings(f"{chosen}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{chosen}: not YAML: {' '.join(str(error).split())}") from None
    return parse(values, source=chosen)


def parse(values: Any, *, source: str = "configuration") -> Settings:
    """The settings in a JSON object. Raises InvalidSettings."""
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise InvalidSettings(f"{source}: {_problems(error)}") from None
    lease = settings.lease
    if not seconds(lease.duration) > seconds(lease.renew_deadline) > seconds(lease.retry_period) > 0:
        raise InvalidSettings(
            f"{source}: lease.duration > lease.renewDeadline > lease.retryPeriod > 0s must hold"
        )
    return settings


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in found)


def _store(store: StoreSettings) -> StoreConfig:
    return StoreConfig(
        location=StoreLocation(
            store.bucket, store.prefix.strip("/"), store.endpoint, store.region, store.allow_http
        ),
        credentials_secret=store.credentials_secret,
        allow_unconditional=store.allow_unconditional,
    )
