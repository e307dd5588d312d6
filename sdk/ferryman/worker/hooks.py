"""The hooks of a run that ended without a word of them, in the hands of a worker: taken, called, reported."""

from __future__ import annotations

from ferryman.api.runner_contract import Assignment
from ferryman.cluster import Object
from ferryman.exceptions import ClusterUnavailable, WriteConflict
from ferryman.runner.payload import Download
from ferryman.worker import protocol
from ferryman.worker.errand import Errand


class HooksErrand(Errand):
    """The errand of a run that is over: its child calls hooks, and not the function."""

    is_of_hooks = True

    def _claim(self) -> Object:
        desk, claim = self._desk, self.claim
        try:
            return desk.cluster.patch_status(
                claim.name, protocol.hooks_claim_patch(self._run, claim, desk.worker)
            )
        except (ClusterUnavailable, WriteConflict):
            # It may have been done, and the reply was lost; a second try of it is a conflict. Where it was
            # not done the hooks wait still, and no event says so again: the agent takes it in once more.
            self.latest = self._run
            found = desk.cluster.get_run(claim.name)
            is_ours = protocol.have_taken_hooks(found, claim)
            self.latest = None if is_ours else found
            if is_ours:
                return found
            raise WriteConflict(f"the hooks of {claim.name} are not ours") from None

    def _fetch_ahead(self) -> Download | None:
        return None

    def _upstreams(self, run: Object) -> dict[str, str]:  # noqa: ARG002 - of no interest to hooks.
        return {}

    def _assignment(self, run: Object) -> Assignment:
        return protocol.hooks_assignment(run, self.claim, self._desk.worker)

    def _report_patch(self, report: bytes) -> list[Object]:
        return protocol.hooks_report_patch(self.claim, self._desk.worker, report)
