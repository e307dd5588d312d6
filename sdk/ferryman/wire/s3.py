"""The store over boto3: the SDK's adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from ferryman.api.runner_contract import StoreLocation
from ferryman.exceptions import (
    InvalidBlob,
    ObjectExists,
    ObjectNotFound,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from ferryman.wire import endpoint
from ferryman.wire.store import require_size

_EXISTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_ABSENT: Final = frozenset({"NoSuchKey", "404"})  # NoSuchBucket is another matter.
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "403",
        "401",
    }
)
_HINTS: Final = {"RequestTimeTooSkewed": ", so the clock of this machine is wrong"}
_SHORT: Final = frozenset({"InvalidRange", "416"})


class S3Store:
    """Objects in an S3 bucket. Thread-safe; one connection pool.

    Credentials are boto3's (AWS_* variables, profiles, the pod's or instance's identity) unless
    given. Plain http is for loopback only, unless the location allows it: raises ConfigurationError.
    """

    def __init__(
        self,
        location: StoreLocation,
        *,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        max_connections: int = 32,
    ) -> None:
        endpoint.require_safe(location.endpoint, allow_http=location.allow_http)
        self.location = location
        self._prefix = f"{location.prefix}/" if location.prefix else ""
        # A session of its own: the default one is shared and not thread-safe to begin with.
        session = boto3.Session(
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            aws_session_token=session_token,
            region_name=location.region,
        )
        self._client: Any = session.client(
            "s3", endpoint_url=location.endpoint, config=_config(max_connections)
        )

    def get(self, key: str, *, offset: int = 0, size: int | None = None, limit: int | None = None) -> bytes:
        if size == 0:
            return b""
        wanted = {"Range": f"bytes={offset}-{'' if size is None else offset + size - 1}"}
        try:
            answer = self._client.get_object(
                **self._at(key), **(wanted if offset or size is not None else {})
            )
            with answer["Body"] as stream:
                require_size(key, int(answer["ContentLength"]), offset, size, limit)
                return bytes(stream.read())
        except (ClientError, BotoCoreError) as error:
            raise _translated("get", key, error, self.location) from error

    def put(self, key: str, body: bytes) -> None:
        self._put("put", key, body, {})

    def create(self, key: str, body: bytes) -> None:
        self._put("create", key, body, {"IfNoneMatch": "*"})

    def _put(self, action: str, key: str, body: bytes, options: Mapping[str, str]) -> None:
        try:
            self._client.put_object(**self._at(key), Body=body, **options)
        except (ClientError, BotoCoreError) as error:
            raise _translated(action, key, error, self.location) from error

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.location.bucket, "Key": self._prefix + key}


def _config(max_connections: int) -> Config:
    return Config(
        connect_timeout=5,
        read_timeout=60,
        # "standard": exponential backoff with jitter, and throttling counts as worth a retry.
        retries={"mode": "standard", "total_max_attempts": 5},
        max_pool_connections=max_connections,
        s3={"addressing_style": "auto"},
        user_agent_extra="ferryman",
    )


def _translated(action: str, key: str, error: Exception, location: StoreLocation) -> Exception:
    what = f"cannot {action} {key} in bucket {location.bucket}"
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return StoreDenied(f"{what}: there are no credentials for the store")
    if not isinstance(error, ClientError):
        return StoreUnavailable(f"{what}: {type(error).__name__}: {error}")
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return _of_code(what, key, code, status)


def _of_code(what: str, key: str, code: str, status: int) -> Exception:
    if code in _ABSENT:
        return ObjectNotFound(f"{what}: there is no such object")
    if code in _EXISTS:
        return ObjectExists(f"{what}: there is an object already")
    if code in _SHORT:
        return InvalidBlob(f"{key} is shorter than it should be")
    if code in _DENIED or status in (401, 403):
        return StoreDenied(f"{what}: the store says {code}{_HINTS.get(code, '')}")
    if status >= 500 or status == 429 or code in ("RequestTimeout", "SlowDown"):
        return StoreUnavailable(f"{what}: the store says {code or status}")
    return StoreError(f"{what}: the store says {code or status}")
