"""A store at the other end of a socket is a store."""

from __future__ import annotations

import socket
import threading

import pytest

from ferryman.exceptions import InvalidBlob, ObjectExists, ObjectNotFound, StoreUnavailable
from ferryman.testing import InMemoryStore
from ferryman.worker import relay


@pytest.fixture
def relayed():
    ours, theirs = socket.socketpair()
    store = InMemoryStore()

    def serve():
        while (request := relay.receive(theirs)) is not None:
            relay.answer(theirs, request, store)
        theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield relay.RelayedStore(ours)
    ours.close()
    thread.join()


def test_what_is_put_is_got(relayed):
    relayed.put("a/key", bytes(300_000))
    assert relayed.get("a/key") == bytes(300_000)
    assert relayed.get("a/key", offset=10, size=5) == bytes(5)


def test_a_create_is_conditional(relayed):
    relayed.create("a/key", b"first")
    with pytest.raises(ObjectExists, match="a/key"):
        relayed.create("a/key", b"second")
    assert relayed.get("a/key") == b"first"


def test_errors_arrive_as_they_are(relayed):
    with pytest.raises(ObjectNotFound, match="a/key"):
        relayed.get("a/key")
    relayed.put("a/key", b"long")
    with pytest.raises(InvalidBlob):
        relayed.get("a/key", limit=2)


def test_a_worker_that_is_gone_is_a_store_that_does_not_answer():
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(StoreUnavailable, match="a/key"):
        relay.RelayedStore(ours).get("a/key")


def test_what_is_no_message_ends_the_conversation():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(relay._LENGTHS.pack(3, 0) + b"{{{")
        assert relay.receive(theirs) is None
