"""A store that is a folder of this machine: for calls in this process where no other store is configured.

Writes are atomic: a file is written beside its place and then moved, or linked, there.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path, PurePosixPath

from ferryman.exceptions import InvalidBlob, ObjectExists, ObjectNotFound, StoreDenied, StoreError
from ferryman.wire.store import require_size


class FolderStore:
    """Objects as files under `root`, for processes of one machine."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def get(self, key: str, *, offset: int = 0, size: int | None = None, limit: int | None = None) -> bytes:
        try:
            with self._place(key).open("rb") as file:
                length = os.fstat(file.fileno()).st_size
                if size is None and offset > length:
                    raise InvalidBlob(f"{key} ends {offset - length} bytes before byte {offset}")
                require_size(key, max(length - offset, 0), offset, size, limit if size is None else None)
                file.seek(offset)
                return file.read() if size is None else file.read(size)
        except FileNotFoundError:
            raise ObjectNotFound(f"cannot get {key}: there is no such object") from None
        except OSError as error:
            raise _failure("get", key, error) from None

    def put(self, key: str, body: bytes) -> None:
        self._write(key, body, os.replace)

    def create(self, key: str, body: bytes) -> None:
        try:
            self._write(key, body, os.link)
        except FileExistsError:
            raise ObjectExists(f"cannot create {key}: there is an object already") from None

    def _write(self, key: str, body: bytes, place: object) -> None:
        target = self._place(key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as file:
                file.write(body)
            try:
                place(file.name, target)  # type: ignore[operator]
            finally:
                Path(file.name).unlink(missing_ok=True)
        except FileExistsError:
            raise
        except OSError as error:
            raise _failure("write", key, error) from None

    def _place(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise StoreError(f"{key!r} is no key of an object")
        return self.root.joinpath(*parts)


def _failure(action: str, key: str, error: OSError) -> StoreError:
    kind = StoreDenied if isinstance(error, PermissionError) else StoreError
    return kind(f"cannot {action} {key}: {error.strerror or error}")
