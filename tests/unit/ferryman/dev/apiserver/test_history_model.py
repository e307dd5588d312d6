"""Any sequence of writes: a watch replays to the list, and old lists are rebuilt as they were."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from builders.api_servers import storage_with_widgets
from builders.crds import CRD_RESOURCE, widget
from ferryman.dev.apiserver.errors import ApiError
from ferryman.dev.apiserver.selectors import Selection

NAMES = st.sampled_from("abc")
SIDES = st.sampled_from(["left", "right"])
LEFT = Selection.of(None, "side=left")


class Writes(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.storage = storage_with_widgets()
        self.watches = {each: self.storage.open_watch(CRD_RESOURCE, each) for each in (Selection(), LEFT)}
        self.seen = {each: {} for each in self.watches}
        self.snapshots = {}

    @rule(name=NAMES, side=SIDES)
    def create(self, name, side):
        self.attempt(lambda: self.storage.create(CRD_RESOURCE, widget(name, labels={"side": side})))

    @rule(name=NAMES, side=SIDES)
    def relabel(self, name, side):
        patch = {"metadata": {"labels": {"side": side}}}
        self.attempt(lambda: self.storage.patch(CRD_RESOURCE, "default", name, patch))

    @rule(name=NAMES)
    def delete(self, name):
        self.attempt(lambda: self.storage.delete(CRD_RESOURCE, "default", name))

    @rule()
    def remember(self):
        self.snapshots[self.storage.version] = self.listed(Selection())

    def attempt(self, write):
        with suppress(ApiError):
            write()

    def listed(self, selection, at=None):
        records = self.storage.select(CRD_RESOURCE, selection, at=at).records
        return {record.object["metadata"]["name"]: record.version for record in records}

    @invariant()
    def watches_replay_to_lists(self):
        for selection, watcher in self.watches.items():
            for event in watcher.take():
                name = event.object["metadata"]["name"]
                if event.type == "DELETED":
                    del self.seen[selection][name]
                else:
                    assert (name in self.seen[selection]) == (event.type == "MODIFIED")
                    self.seen[selection][name] = event.record.version
            assert self.seen[selection] == self.listed(selection)

    @invariant()
    def old_lists_are_rebuilt(self):
        for version, names in self.snapshots.items():
            assert self.listed(Selection(), at=version) == names


TestWrites = Writes.TestCase
TestWrites.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
