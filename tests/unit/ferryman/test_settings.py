"""Where the client's settings come from, and in which order."""

from __future__ import annotations

import pytest

from ferryman import connection, kube, settings
from ferryman.api.runner_contract import Assignment, StoreLocation, encode_assignment, encode_store
from ferryman.exceptions import ConfigurationError
from ferryman.settings import KubeContext

CONTEXT = KubeContext(
    "/k",
    "dev",
    "team",
    {
        "bucket": "kube-bucket",
        "prefix": "/p/",
        "endpoint": "http://127.0.0.1:1",
        "accessKeyId": "id",
        "secretAccessKey": "secret",
    },
)
CONFIG = {"namespace": "file-ns", "image": "file-image", "store": {"bucket": "file-bucket"}}


def test_an_argument_wins_over_everything():
    found = settings.resolve({"FERRYMAN_NAMESPACE": "env-ns"}, CONTEXT, CONFIG, namespace="mine")
    assert (found.namespace.value, found.namespace.source) == ("mine", "connect()")


def test_the_environment_wins_over_the_context():
    found = settings.resolve(
        {"FERRYMAN_NAMESPACE": "env-ns", "FERRYMAN_STORE_BUCKET": "env-bucket"}, CONTEXT, CONFIG
    )
    assert found.namespace.value == "env-ns"
    assert found.require_store().location.bucket == "env-bucket"


def test_a_store_from_the_environment_takes_nothing_from_the_context():
    found = settings.resolve({"FERRYMAN_STORE_BUCKET": "env-bucket"}, CONTEXT, CONFIG)
    assert (found.require_store().credentials, found.require_store().location.endpoint) == (None, None)


def test_inside_a_run_its_own_namespace_and_store_win_over_all_that_is_around_it():
    here = Assignment("team-a", "pipeline-x", "uid", 1, "job", "pipeline", entrypoint="m:f")
    pod = {
        "FERRYMAN_ASSIGNMENT": encode_assignment(here),
        "FERRYMAN_STORE": encode_store(StoreLocation("run-bucket", "p")),
        "FERRYMAN_NAMESPACE": "env-ns",
        "FERRYMAN_STORE_BUCKET": "env-bucket",
    }
    found = settings.resolve(pod, CONTEXT, CONFIG)
    assert found.namespace.value == "team-a"
    assert found.require_store().location == StoreLocation("run-bucket", "p")


def test_the_context_wins_over_the_file():
    found = settings.resolve({}, CONTEXT, CONFIG)
    store = found.require_store()
    assert (found.namespace.value, store.location.bucket, store.location.prefix) == (
        "team",
        "kube-bucket",
        "p",
    )
    assert store.credentials is not None


def test_the_file_is_the_last_resort():
    found = settings.resolve({}, KubeContext("/k", "dev"), CONFIG)
    assert (found.namespace.value, found.require_store().location.bucket) == ("file-ns", "file-bucket")
    assert found.image is not None and found.image.source == "config.toml"


def test_no_store_is_an_error_that_says_what_to_set():
    with pytest.raises(ConfigurationError, match="FERRYMAN_STORE_BUCKET"):
        settings.resolve({}, KubeContext("/k", "dev"), {}).require_store()


def test_a_secret_is_not_in_the_repr():
    assert "'secret'" not in repr(settings.resolve({}, CONTEXT, {}))


def test_a_malformed_file_is_named(tmp_path):
    (tmp_path / "config.toml").write_text("namespace = ")
    with pytest.raises(ConfigurationError, match="config.toml"):
        settings.read_config(tmp_path / "config.toml")


def test_without_a_kubeconfig_the_error_says_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError, match="ferryman dev up"):
        connection.open_connection(
            {"KUBECONFIG": str(tmp_path / "none"), "XDG_CONFIG_HOME": str(tmp_path)},
            context=None,
            namespace=None,
        )


def test_inside_the_pod_of_a_task_the_error_says_so(tmp_path):
    with pytest.raises(ConfigurationError, match="pod of a task run"):
        connection.open_connection(
            {"FERRYMAN_ASSIGNMENT": "{}", "HOME": str(tmp_path)}, context=None, namespace=None
        )


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: one
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
contexts:
- name: one
  context:
    cluster: c
    user: u
    namespace: team
    extensions: [{name: ferryman.dev/store, extension: {bucket: b}}]
- name: two
  context: {cluster: c, user: u}
"""


@pytest.fixture
def kubeconfig(tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    return str(path)


def test_a_context_brings_its_namespace_and_store(kubeconfig):
    assert kube.read_context(kubeconfig, None) == KubeContext(kubeconfig, "one", "team", {"bucket": "b"})


def test_another_context_can_be_wanted(kubeconfig):
    assert kube.read_context(kubeconfig, "two").extension == {}


def test_a_context_that_is_not_there_is_told_with_those_that_are(kubeconfig):
    with pytest.raises(ConfigurationError, match="no context 'three'; it has one, two"):
        kube.read_context(kubeconfig, "three")


SWITCHES = {"allowHttp": True, "allowUnconditional": True}


@pytest.mark.parametrize(
    ("environ", "extension", "config"),
    [
        (
            {
                "FERRYMAN_STORE_BUCKET": "b",
                "FERRYMAN_STORE_ALLOW_HTTP": "1",
                "FERRYMAN_STORE_ALLOW_UNCONDITIONAL": "true",
            },
            {},
            {},
        ),
        ({}, {"bucket": "b", **SWITCHES}, {}),
        ({}, {}, {"store": {"bucket": "b", **SWITCHES}}),
    ],
    ids=["environment", "kubeconfig", "file"],
)
def test_every_source_may_allow_what_is_off(environ, extension, config):
    store = settings.resolve(environ, KubeContext("/k", "dev", "", extension), config).require_store()
    assert (store.location.allow_http, store.allow_unconditional) == (True, True)


def test_what_is_off_is_off():
    store = settings.resolve({"FERRYMAN_STORE_BUCKET": "b"}, CONTEXT, {}).require_store()
    assert (store.location.allow_http, store.allow_unconditional) == (False, False)


def test_a_switch_that_is_neither_on_nor_off_is_named_with_its_source():
    with pytest.raises(
        ConfigurationError, match=r"config\.toml: allowHttp is 'perhaps'; it can be true or false"
    ):
        settings.resolve({}, KubeContext("/k", "dev"), {"store": {"bucket": "b", "allowHttp": "perhaps"}})


def test_plain_http_beyond_loopback_is_refused_with_the_setting_that_allows_it(kubeconfig, tmp_path):
    environ = {
        "KUBECONFIG": kubeconfig,
        "XDG_CONFIG_HOME": str(tmp_path),
        "FERRYMAN_STORE_BUCKET": "b",
        "FERRYMAN_STORE_ENDPOINT": "http://minio.store.svc:9000",
    }
    with pytest.raises(
        ConfigurationError, match=r"http://minio.store.svc is not encrypted.*FERRYMAN_STORE_ALLOW_HTTP=1"
    ):
        connection.open_connection(environ, context=None, namespace=None)
    allowed = {**environ, "FERRYMAN_STORE_ALLOW_HTTP": "1"}
    assert connection.open_connection(allowed, context=None, namespace=None).settings.require_store()
