"""What every store does, over the twin in memory and both adapters on a real server."""

import threading

import pytest

from ferryman.api.runner_contract import StoreLocation
from ferryman.exceptions import (
    ConfigurationError,
    InvalidBlob,
    ObjectExists,
    ObjectNotFound,
    StoreError,
    StoreNotConditional,
    StoreUnavailable,
)
from ferryman.wire import conditional
from ferryman.wire.folder import FolderStore
from ferryman.wire.memory import MemoryStore
from ferryman.wire.obstore import ObstoreStore
from ferryman.wire.s3 import S3Store
from fixtures.object_store import ACCESS_KEY_ID, SECRET_ACCESS_KEY

CREDENTIALS = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY}
ADAPTERS = {"s3": S3Store, "obstore": ObstoreStore}


@pytest.fixture(params=["memory", "folder", "s3", "obstore"])
def store(request):
    if request.param == "folder":
        return FolderStore(request.getfixturevalue("tmp_path"))
    if request.param == "memory":
        return MemoryStore()
    location = request.getfixturevalue("bucket")
    return ADAPTERS[request.param](location, **CREDENTIALS)


@pytest.fixture(params=["s3", "obstore"])
def adapter(request):
    return ADAPTERS[request.param]


def test_what_was_put_can_be_got(store):
    store.put("a/b", b"hello")
    assert store.get("a/b") == b"hello"


def test_an_empty_object_can_be_got(store):
    store.put("empty", b"")
    assert store.get("empty") == b""


def test_put_replaces_what_is_there(store):
    store.put("a", b"one")
    store.put("a", b"two")
    assert store.get("a") == b"two"


def test_get_returns_bytes_and_not_a_view(store):
    store.put("a", b"hello")
    assert type(store.get("a")) is bytes


def test_get_of_what_is_not_there_raises_object_not_found(store):
    with pytest.raises(ObjectNotFound, match="cannot get no/such"):
        store.get("no/such")


def test_create_writes_what_is_not_there(store):
    store.create("claim", b"mine")
    assert store.get("claim") == b"mine"


def test_create_never_replaces(store):
    store.create("claim", b"mine")
    with pytest.raises(ObjectExists):
        store.create("claim", b"yours")
    assert store.get("claim") == b"mine"


def test_one_of_many_concurrent_creates_wins(store):
    winners = []

    def race(number):
        try:
            store.create("claim", b"%d" % number)
        except ObjectExists:
            return
        winners.append(b"%d" % number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert winners == [store.get("claim")]


def test_a_range_is_got_from_within_an_object(store):
    store.put("a", b"0123456789")
    assert store.get("a", offset=3, size=4) == b"3456"


def test_a_range_may_reach_the_end(store):
    store.put("a", b"0123456789")
    assert store.get("a", offset=7, size=3) == b"789"


def test_an_offset_alone_reads_to_the_end(store):
    store.put("a", b"0123456789")
    assert store.get("a", offset=7) == b"789"


@pytest.mark.parametrize(("offset", "size"), [(8, 5), (0, 11), (20, 5)])
def test_a_range_beyond_the_end_is_an_invalid_blob(store, offset, size):
    store.put("a", b"0123456789")
    with pytest.raises(InvalidBlob):
        store.get("a", offset=offset, size=size)


def test_an_object_above_the_limit_is_an_invalid_blob(store):
    store.put("a", b"0123456789")
    with pytest.raises(InvalidBlob, match="larger than 9 bytes"):
        store.get("a", limit=9)


def test_an_object_at_the_limit_is_got(store):
    store.put("a", b"0123456789")
    assert store.get("a", limit=10) == b"0123456789"


def test_a_store_that_honours_conditional_writes_passes_the_check_again_and_again(store):
    conditional.check(store)
    conditional.check(store)


def test_a_store_that_ignores_conditional_writes_fails_the_check():
    with pytest.raises(StoreNotConditional):
        conditional.check(ForgetfulStore())


def test_a_large_object_is_one_request(adapter, object_store, bucket):
    store = adapter(bucket, **CREDENTIALS)
    body = bytes(20 * 1024 * 1024)
    store.put("large", body)
    assert store.get("large", limit=len(body)) == body
    assert object_store.requests(bucket) == ["PUT some/prefix/large", "GET some/prefix/large"]


def test_get_with_a_range_or_a_limit_is_one_get_and_no_head(adapter, object_store, bucket):
    store = adapter(bucket, **CREDENTIALS)
    store.put("a", b"0123456789")
    store.get("a", offset=1, size=2)
    store.get("a", limit=100)
    assert object_store.requests(bucket)[1:] == ["GET some/prefix/a"] * 2


def test_without_a_prefix_the_key_is_the_whole_name(adapter, object_store):
    location = object_store.new_bucket(prefix="")
    adapter(location, **CREDENTIALS).put("a", b"x")
    assert object_store.requests(location) == ["PUT a"]


def test_a_missing_bucket_is_a_store_error_and_not_a_missing_object(adapter, object_store):
    store = adapter(StoreLocation(bucket="no-such-bucket", endpoint=object_store.endpoint), **CREDENTIALS)
    with pytest.raises(StoreError) as caught:
        store.get("a")
    assert not isinstance(caught.value, ObjectNotFound)


def test_a_store_that_is_down_is_unavailable(adapter, unused_endpoint):
    store = adapter(StoreLocation(bucket="some-bucket", endpoint=unused_endpoint), **CREDENTIALS)
    with pytest.raises(StoreUnavailable, match="cannot get the/key in bucket some-bucket"):
        store.get("the/key")


def test_errors_tell_no_secret(adapter, unused_endpoint):
    store = adapter(StoreLocation(bucket="some-bucket", endpoint=unused_endpoint), **CREDENTIALS)
    with pytest.raises(StoreUnavailable) as caught:
        store.put("the/key", b"x")
    assert SECRET_ACCESS_KEY not in str(caught.value)


def test_plain_http_beyond_loopback_is_refused(adapter):
    with pytest.raises(ConfigurationError, match="not encrypted"):
        adapter(StoreLocation(bucket="some-bucket", endpoint="http://10.1.2.3:9000"), **CREDENTIALS)


def test_plain_http_beyond_loopback_is_used_where_the_location_allows_it(adapter):
    adapter(
        StoreLocation(bucket="some-bucket", endpoint="http://10.1.2.3:9000", allow_http=True), **CREDENTIALS
    )


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "localhost:9000", "http://", "file:///etc/passwd"])
def test_an_endpoint_that_is_no_http_url_is_refused(adapter, url):
    with pytest.raises(ConfigurationError):
        adapter(StoreLocation(bucket="some-bucket", endpoint=url), **CREDENTIALS)


class ForgetfulStore(MemoryStore):
    """Takes `If-None-Match: *` and ignores it."""

    def create(self, key, body):
        self.put(key, body)
