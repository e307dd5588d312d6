"""The rules that every kind shares; kinds with more of them derive from it."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.dev.apiserver.errors import FieldError
from ferryman.dev.apiserver.resources import Object, WriteOptions


class PlainStrategy:
    """An object without rules; `status` is kept apart where it is a subresource."""

    def __init__(self, *, has_status: bool = False, counts_generation: bool = False) -> None:
        self._has_status = has_status
        self._counts_generation = counts_generation

    def decode(self, obj: Object, options: WriteOptions) -> list[FieldError]:  # noqa: ARG002 - the port's signature
        """Everything is known."""
        return []

    def prepare_create(self, obj: Object) -> None:
        """A new object has no status of the client's making."""
        if self._has_status:
            obj.pop("status", None)
        if self._counts_generation:
            obj["metadata"]["generation"] = 1

    def prepare_update(self, new: Object, old: Object, subresource: str) -> None:
        """A write to /status changes the status only, any other write all but the status."""
        if not self._has_status or subresource == "delete":
            return
        if subresource == "status":
            keep(new, old, [key for key in {*new, *old} if key not in {"status", "metadata"}])
        else:
            keep(new, old, ["status"])

    def validate(self, new: Object, old: Object | None, subresource: str) -> list[FieldError]:  # noqa: ARG002
        """No faults."""
        return []

    def warn(self, new: Object) -> Sequence[str]:  # noqa: ARG002
        """Nothing."""
        return ()

    def generation_changes(self, new: Object, old: Object) -> bool:
        """All but metadata and status counts."""
        if not self._counts_generation:
            return False
        apart = {"metadata", "status"} if self._has_status else {"metadata"}
        return any(new.get(key) != old.get(key) for key in {*new, *old} if key not in apart)


def keep(new: Object, old: Object, keys: Sequence[str]) -> None:
    """Undo what `new` changes at these top-level keys."""
    for key in keys:
        if key in old:
            new[key] = old[key]
        else:
            new.pop(key, None)
