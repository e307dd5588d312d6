"""Whatever becomes of labels and runs, nobody waits for ever."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from builders.ears import Ear, until
from builders.manifests import a_manifest
from ferryman.api import names
from ferryman.exceptions import RunNotFound
from ferryman.runs import view
from ferryman.testing import InMemoryCluster
from ferryman.watches import Watches

CLIENTS = st.sampled_from(["us", "them", ""])


class Life(RuleBasedStateMachine):
    """Runs of us and of others, which lose and get labels, end, are deleted and created anew."""

    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.cluster = InMemoryCluster()
        self.watches = Watches(self.cluster, "us")
        self.ears: list[tuple[str, Ear]] = []
        self.created = 0

    @rule(target=runs, label=CLIENTS)
    def submit(self, label):
        """A webhook may have changed the label when the reply comes."""
        return self._submitted(label)

    def _submitted(self, label):
        name, ear = self._new(), Ear()
        self.watches.expect("default", name, ear)
        self.watches.follow(ear, view(self.cluster.create_run(a_manifest(name, labels=labels(label)))))
        self.ears.append((name, ear))
        return name

    @rule(target=runs, label=CLIENTS)
    def appear(self, label):
        name = self._new()
        self.cluster.create_run(a_manifest(name, labels=labels(label)))
        return name

    @rule(name=runs, ends_meanwhile=st.booleans())
    def follow(self, name, ends_meanwhile):
        ear = Ear()
        try:
            run = view(self.cluster.get_run("default", name))
        except RunNotFound:
            return
        if ends_meanwhile:
            self.cluster.set_status("default", name, {"phase": "Completed"})
            self._catch_up()
        self.watches.follow(ear, run)
        self.ears.append((name, ear))

    @rule(name=runs, label=CLIENTS, is_late=st.booleans())
    def relabel(self, name, label, is_late):
        self._on(is_late, lambda: self.cluster.set_labels("default", name, labels(label)))

    @rule(name=runs, is_late=st.booleans())
    def end(self, name, is_late):
        self._on(is_late, lambda: self.cluster.set_status("default", name, {"phase": "Completed"}))

    @rule(name=runs, is_late=st.booleans())
    def delete(self, name, is_late):
        self._on(is_late, lambda: self.cluster.delete_run("default", name))

    @rule(name=runs, label=CLIENTS, is_late=st.booleans())
    def create_anew(self, name, label, is_late):
        def anew():
            self.cluster.delete_run("default", name)
            self.cluster.create_run(a_manifest(name, labels=labels(label)))

        self._on(is_late, anew)

    def teardown(self):
        for run in self.cluster.list_runs("default"):
            if run["status"]["phase"] != "Completed":
                self.cluster.set_status("default", run["metadata"]["name"], {"phase": "Completed"})
        for name, ear in self.ears:
            until(ear.done)
            assert ear.heard[-1] == "Completed" or not self._is_there(name, ear), (name, ear.heard)
            self.watches.release("default", name, ear)
        self.watches.close()

    def _new(self) -> str:
        self.created += 1
        return f"one-{self.created}"

    def _on(self, is_late, change):
        if is_late:
            self._catch_up()
        try:
            change()
        except RunNotFound:
            return

    def _catch_up(self):
        """Until the watch of our runs has told all that has happened so far."""
        name = self._submitted("us")
        self.cluster.set_status("default", name, {"phase": "Running"})
        self.ears[-1][1].wait_for("Running")

    def _is_there(self, name, ear) -> bool:
        alive = {run["metadata"]["uid"] for run in self.cluster.list_runs("default")}
        return ear.run.uid in alive


def labels(client: str) -> dict[str, str]:
    return {names.CLIENT_LABEL: client} if client else {}


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
