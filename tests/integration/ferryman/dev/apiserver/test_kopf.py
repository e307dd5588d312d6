"""A kopf operator of the kind that Ferryman's is, against the embedded API server."""

from __future__ import annotations

import threading

import kopf

from builders.api_servers import running_server
from builders.crds import widget


def test_a_kopf_operator_sees_every_event_and_survives_cut_watches():
    seen: list[tuple[str, str]] = []
    arrived = threading.Condition()
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**_):
        return kopf.ConnectionInfo(server=running.url, default_namespace="default")

    @kopf.on.event("example.dev", "v1", "widgets", registry=registry)
    def event(event, name, **_):
        with arrived:
            seen.append((event["type"], name))
            arrived.notify_all()

    def expect(entry):
        with arrived:
            assert arrived.wait_for(lambda: entry in seen, timeout=30), seen

    def make(name):
        running.call(lambda: running.server.storage.create("widgets.example.dev", widget(name)))

    ready, stop = threading.Event(), threading.Event()
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.watching.reconnect_backoff = 0.01
    with running_server() as running:
        make("early")
        operator = threading.Thread(
            target=kopf.run,
            kwargs={
                "registry": registry,
                "settings": settings,
                "standalone": True,
                "namespaces": ["default"],
                "ready_flag": ready,
                "stop_flag": stop,
            },
        )
        operator.start()
        try:
            expect((None, "early"))
            make("late")
            expect(("ADDED", "late"))
            running.call(
                lambda: running.server.watches.interrupt(running.server.storage, ConnectionResetError())
            )
            make("after")
            with arrived:
                assert arrived.wait_for(lambda: "after" in {name for _, name in seen}, timeout=30), seen
        finally:
            stop.set()
            operator.join(timeout=20)
    assert not operator.is_alive()
