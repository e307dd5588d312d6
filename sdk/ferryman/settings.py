"""Where Ferryman's client works: which cluster, namespace and store, and who said so. Pure.

A value is taken from the first that has it: the arguments of `ferryman.connect`, the run whose pod
this is, the environment (FERRYMAN_*), the kubeconfig context, the configuration file, a default. The
store is one value: its bucket, endpoint and credentials come from one source, never from two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from ferryman.api.runner_contract import Env, StoreLocation, decode_assignment, decode_store
from ferryman.exceptions import ConfigurationError

T = TypeVar("T")

EXTENSION: Final = "ferryman.dev/store"
"""The extension of a kubeconfig context that says where its store is."""

DEFAULT_NAMESPACE: Final = "default"
DEFAULT_REGION: Final = "us-east-1"

_STORE_FIELDS: Final = ("bucket", "prefix", "endpoint", "region")
_STORE_SWITCHES: Final = {"allowHttp": "ALLOW_HTTP", "allowUnconditional": "ALLOW_UNCONDITIONAL"}
_SWITCH: Final = {"1": True, "true": True, "0": False, "false": False, "": False}


@dataclass(frozen=True)
class Setting(Generic[T]):
    """A value and who said it, for `ferryman doctor`."""

    value: T
    source: str


@dataclass(frozen=True)
class Credentials:
    """S3 credentials; where there are none, boto3 finds its own."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True)
class StoreSettings:
    """A store, and how to sign in to it."""

    location: StoreLocation
    credentials: Credentials | None = None
    allow_unconditional: bool = False
    """Submit even though the store ignores `If-None-Match`: an attempt may then run twice."""


@dataclass(frozen=True)
class KubeContext:
    """What a kubeconfig context says: its name, namespace and Ferryman's extension. `path` for messages."""

    path: str
    name: str
    namespace: str = ""
    extension: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """Everything a client is configured with."""

    namespace: Setting[str]
    context: Setting[str]
    store: Setting[StoreSettings] | None
    image: Setting[str] | None = None
    """The image of pods whose task names none; None is the operator's."""

    def require_store(self) -> StoreSettings:
        """Raises ConfigurationError, saying what to set, if there is no store."""
        if self.store is None:
            raise ConfigurationError(
                "no store is configured: set FERRYMAN_STORE_BUCKET (and _PREFIX, _ENDPOINT, _REGION), or use "
                "the kubeconfig of `ferryman dev up`"
            )
        return self.store.value


def kubeconfig_path(environ: Mapping[str, str]) -> str:
    """KUBECONFIG, or `~/.kube/config`."""
    return environ.get("KUBECONFIG") or str(_home(environ) / ".kube" / "config")


def config_path(environ: Mapping[str, str]) -> Path:
    """The configuration file: `$XDG_CONFIG_HOME/ferryman/config.toml`."""
    configured = environ.get("XDG_CONFIG_HOME")
    folder = Path(configured) if configured else _home(environ) / ".config"
    return folder / "ferryman" / "config.toml"


def read_config(path: Path) -> dict[str, Any]:
    """The configuration file; empty if there is none. Raises ConfigurationError if it is not TOML."""
    # Deferred: most users have no such file.
    import tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None


def wanted_context(environ: Mapping[str, str], config: Mapping[str, Any], given: str | None) -> Setting[str]:
    """The kubeconfig context to use; "" is the current one."""
    return _first(
        (given, "connect()"),
        (environ.get("FERRYMAN_CONTEXT"), "FERRYMAN_CONTEXT"),
        (_text(config, "context"), "config.toml"),
    ) or Setting("", "kubeconfig")


def resolve(
    environ: Mapping[str, str],
    context: KubeContext,
    config: Mapping[str, Any],
    *,
    namespace: str | None = None,
) -> Settings:
    """The settings. Raises ConfigurationError, naming the value, where one is malformed."""
    origin = f"context {context.name!r} of {context.path}"
    found = _first(
        (namespace, "connect()"),
        (_namespace_of_run(environ), str(Env.ASSIGNMENT)),
        (environ.get("FERRYMAN_NAMESPACE"), "FERRYMAN_NAMESPACE"),
        (context.namespace, origin),
        (_text(config, "namespace"), "config.toml"),
    )
    return Settings(
        namespace=found or Setting(DEFAULT_NAMESPACE, "default"),
        context=Setting(context.name, context.path),
        store=_store(environ, context.extension, origin, config),
        image=_first(
            (environ.get("FERRYMAN_IMAGE"), "FERRYMAN_IMAGE"), (_text(config, "image"), "config.toml")
        ),
    )


def _namespace_of_run(environ: Mapping[str, str]) -> str | None:
    # What a run submits is in its own namespace: there are its dependencies, and there it is the parent.
    text = environ.get(Env.ASSIGNMENT)
    return decode_assignment(text).namespace if text else None


def _store(
    environ: Mapping[str, str], extension: Mapping[str, Any], origin: str, config: Mapping[str, Any]
) -> Setting[StoreSettings] | None:
    if text := environ.get(Env.STORE):
        # With the credentials that the pod's environment has.
        allowed = environ.get(Env.STORE_ALLOW_UNCONDITIONAL) == "1"
        return Setting(StoreSettings(decode_store(text), allow_unconditional=allowed), str(Env.STORE))
    suffixes = {name: name.upper() for name in _STORE_FIELDS} | _STORE_SWITCHES
    variables = {name: environ.get(f"FERRYMAN_STORE_{suffix}", "") for name, suffix in suffixes.items()}
    table = config.get("store", {})
    for values, source in ((variables, "FERRYMAN_STORE_*"), (extension, origin), (table, "config.toml")):
        if not isinstance(values, Mapping):
            raise ConfigurationError(f"{source}: the store is not a table of values")
        if values.get("bucket"):
            return Setting(_one_store(values, source), source)
    return None


def _one_store(values: Mapping[str, Any], source: str) -> StoreSettings:
    for name in (*_STORE_FIELDS, "accessKeyId", "secretAccessKey"):
        if not isinstance(values.get(name) or "", str):
            raise ConfigurationError(f"{source}: {name} is not a string")
    key = values.get("accessKeyId")
    switches = {name: _switch(values.get(name, False), name, source) for name in _STORE_SWITCHES}
    return StoreSettings(
        StoreLocation(
            bucket=values["bucket"],
            prefix=(values.get("prefix") or "").strip("/"),
            endpoint=values.get("endpoint") or None,
            region=values.get("region") or DEFAULT_REGION,
            allow_http=switches["allowHttp"],
        ),
        Credentials(key, values.get("secretAccessKey") or "") if key else None,
        allow_unconditional=switches["allowUnconditional"],
    )


def _switch(value: object, name: str, source: str) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in _SWITCH:
        raise ConfigurationError(f"{source}: {name} is {value!r}; it can be true or false")
    return _SWITCH[value.lower()]


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or "~").expanduser()


def _first(*candidates: tuple[str | None, str]) -> Setting[str] | None:
    return next((Setting(value, source) for value, source in candidates if value), None)


def _text(config: Mapping[str, Any], name: str) -> str | None:
    value = config.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"config.toml: {name} is not a string")
    return value
