"""What must not be pickled though it might be: credentials, and clients that hold some.

Standard library only.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, cast

_KINDS: Final = {
    "boto3.": "a boto3 client or session",
    "botocore.": "a boto3 client or its credentials",
    "aiobotocore.": "an aiobotocore client or its credentials",
    "google.auth.": "Google Cloud credentials",
    "google.oauth2.": "Google Cloud credentials",
    "google.cloud.storage.client": "a Google Cloud client",
    "azure.core.credentials": "Azure credentials",
    "azure.identity": "Azure credentials",
    "kubernetes.client.api_client": "a Kubernetes client",
    "kubernetes.client.configuration": "a Kubernetes client's configuration",
    "kubernetes.client.api.": "a Kubernetes client",
    "obstore.": "an obstore client",
    "redis.": "a Redis client",
    "sqlalchemy.engine": "a SQLAlchemy engine or connection",
    "sqlalchemy.orm.session": "a SQLAlchemy session",
    "ferryman.client": "a Ferryman client",
}
"""Where such classes are defined, by the beginning of the module's name."""


class Refused(TypeError):
    """An object of a kind that must not travel."""


@lru_cache(maxsize=4096)
def kind_of(cls: type[Any]) -> str:
    """What an object of this class is, if it must not be pickled; else ""."""
    if issubclass(cls, BaseException):
        # A client's errors hold what it was told, and come back to whoever called.
        return ""
    for base in cls.__mro__:
        for start, kind in _KINDS.items():
            if f"{base.__module__}.".startswith(start):
                return kind
    return ""


def refuse(value: object) -> None:
    """Raises Refused, saying what to do instead, if `value` must not be pickled."""
    if kind := kind_of(cast("Any", type(value))):
        raise Refused(
            f"it is {kind}, and credentials do not travel: make it inside the task, whose pod gets "
            "credentials of its own by secrets=[...] or service_account=..."
        )
