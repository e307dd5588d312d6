"""The results of the runs that this one depends on, fetched when an argument asks for them."""

from __future__ import annotations

from typing import Any

from ferryman.api.runner_contract import Upstream
from ferryman.exceptions import InvalidBlob, UpstreamTaskError
from ferryman.wire import codecs, envelope, failures, keys
from ferryman.wire.codecs import UpstreamValue
from ferryman.wire.store import Store


class Upstreams:
    """Resolves references in arguments: each upstream is downloaded, verified and opened once, if at all."""

    def __init__(self, store: Store, namespace: str, upstreams: tuple[Upstream, ...]) -> None:
        self._store = store
        self._namespace = namespace
        self._upstreams = upstreams
        self._values: dict[int, Any] = {}

    def resolve(self, reference: UpstreamValue) -> Any:
        """The upstream's result, or with `allow_failure` its exception.

        Raises UpstreamTaskError where there is none to give, and what the store and the codecs raise.
        """
        if not 0 <= reference.index < len(self._upstreams):
            raise InvalidBlob(
                f"the arguments refer to dependency {reference.index} of {len(self._upstreams)}"
            )
        upstream = self._upstreams[reference.index]
        if not upstream.completed and not reference.allow_failure:
            raise _without_result(upstream)
        if reference.index not in self._values:
            self._values[reference.index] = self._fetch(upstream)
        return self._values[reference.index]

    def _fetch(self, upstream: Upstream) -> Any:
        if not upstream.sha256:
            if upstream.completed:
                raise _without_result(upstream)
            return _without_result(upstream)
        key = keys.result(self._namespace, upstream.uid, upstream.attempt)
        blob = self._store.get(key, size=upstream.size)
        envelope.verify(blob, upstream.sha256, upstream.size)
        # Its digest came through the API server, from a run that this run's author named: as
        # trustworthy as the code that is about to be called with it.
        if upstream.completed:
            return codecs.open_result(blob, trust_pickle=True)
        return failures.rebuild(failures.open_failure(blob), trust_pickle=True)


def _without_result(upstream: Upstream) -> UpstreamTaskError:
    return UpstreamTaskError(
        f"the run {upstream.name} did not leave a result: {upstream.reason or 'no reason is known'}",
        run=upstream.name,
        reason=upstream.reason,
    )
