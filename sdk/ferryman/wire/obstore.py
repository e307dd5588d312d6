"""The store over obstore: the runner's adapter, because it loads in a twentieth of boto3's time.

Loads the standard library and obstore only.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

import obstore
import obstore.store
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

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

LARGE: Final = 8 * 1024 * 1024
"""From this size on, in bytes, a request gets LARGE_TIMEOUT instead of TIMEOUT."""

CONNECT_TIMEOUT: Final = timedelta(seconds=5)
TIMEOUT: Final = timedelta(seconds=30)
LARGE_TIMEOUT: Final = timedelta(minutes=15)

_STATUS: Final = re.compile(r"status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>(\w{1,64})</Code>")
_BAD_CREDENTIALS: Final = frozenset(
    {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"}
)
# Where AWS and EKS hand out credentials: asking there is what is left when there are none.
_IDENTITY_HOSTS: Final = ("169.254.169.254", "169.254.170.2")


class ObstoreStore:
    """Objects in an S3 bucket. Thread-safe; not to be carried over a fork, because it starts threads.

    Credentials are the AWS_* variables, or the pod's or instance's identity, unless given. Plain
    http is for loopback only, unless the location allows it: raises ConfigurationError.
    """

    def __init__(
        self,
        location: StoreLocation,
        *,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        max_retries: int = 5,
    ) -> None:
        endpoint.require_safe(location.endpoint, allow_http=location.allow_http)
        self.location = location
        given: dict[str, Any] = {
            "endpoint": location.endpoint,
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
            "session_token": session_token,
        }
        self._options = {name: value for name, value in given.items() if value is not None}
        self._max_retries = max_retries
        self._small = self._client(TIMEOUT)
        self._large: obstore.store.S3Store | None = None

    def get(self, key: str, *, offset: int = 0, size: int | None = None, limit: int | None = None) -> bytes:
        if size == 0:
            return b""
        options: Any = {}  # obstore's TypedDict cannot be imported at run time.
        if size is not None:
            options["range"] = (offset, offset + size)
        elif offset:
            options["range"] = {"offset": offset}
        try:
            answer = obstore.get(self._for(size or limit or 0), key, options=options or None)
            start, end = answer.range
            require_size(key, end - start, offset, size, limit)
            return bytes(answer.bytes())
        except (BaseError, OSError) as error:
            raise _translated("get", key, error, self.location) from None

    def put(self, key: str, body: bytes) -> None:
        self._put("put", key, body, "overwrite")

    def create(self, key: str, body: bytes) -> None:
        self._put("create", key, body, "create")

    def _put(self, action: str, key: str, body: bytes, mode: str) -> None:
        try:
            # One request whatever the size: S3 takes 5 GiB in one PUT, and a result is smaller.
            obstore.put(self._for(len(body)), key, body, mode=mode, use_multipart=False)  # type: ignore[arg-type]
        except (BaseError, OSError) as error:
            raise _translated(action, key, error, self.location) from None

    def _for(self, size: int) -> obstore.store.S3Store:
        # The timeout of a client holds for the whole of a request, so large bodies need another.
        if size < LARGE:
            return self._small
        if self._large is None:
            self._large = self._client(LARGE_TIMEOUT)
        return self._large

    def _client(self, timeout: timedelta) -> obstore.store.S3Store:
        plain = (self.location.endpoint or "").startswith("http:")
        return obstore.store.S3Store(
            self.location.bucket,
            prefix=self.location.prefix or None,
            region=self.location.region,
            client_options={
                "allow_http": plain,
                "connect_timeout": CONNECT_TIMEOUT,
                "timeout": timeout,
                "user_agent": "ferryman",
            },
            # Backoff is exponential with jitter; a PUT that timed out is not repeated by obstore.
            retry_config={
                "max_retries": self._max_retries,
                "retry_timeout": timedelta(minutes=2),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=5),
                    "base": 2,
                },
            },
            **self._options,
        )


def _translated(action: str, key: str, error: Exception, location: StoreLocation) -> Exception:
    # obstore's texts hold addresses and whole answers, so only the status and S3's code are taken.
    text = str(error)
    status = int(found.group(1)) if (found := _STATUS.search(text)) else 0
    code = found.group(1) if (found := _CODE.search(text)) else ""
    what = f"cannot {action} {key} in bucket {location.bucket}"
    says = f"{what}: the store says {' '.join(filter(None, (str(status or ''), code)))}"
    if isinstance(error, (AlreadyExistsError, PreconditionError)):
        return ObjectExists(f"{what}: there is an object already")
    if isinstance(error, FileNotFoundError):
        missing = ObjectNotFound(f"{what}: there is no such object")
        return StoreError(f"{what}: there is no such bucket") if code == "NoSuchBucket" else missing
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or code in _BAD_CREDENTIALS:
        return StoreDenied(says)
    if any(host in text for host in _IDENTITY_HOSTS):
        return StoreDenied(f"{what}: there are no credentials for the store")
    return _of_status(status, says, what, key)


def _of_status(status: int, says: str, what: str, key: str) -> Exception:
    if status == 416:
        return InvalidBlob(f"{key} is shorter than it should be")
    if status in (408, 429) or status >= 500:
        return StoreUnavailable(says)
    if status:
        return StoreError(says)
    return StoreUnavailable(f"{what}: the store does not answer")
