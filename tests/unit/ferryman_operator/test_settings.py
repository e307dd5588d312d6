"""The configuration: what is wrong is named, and what is right reaches the decisions."""

from __future__ import annotations

import json

import pytest

from ferryman_operator import auth, settings
from ferryman_operator.__main__ import main

GOOD = {"stores": {"default": {"bucket": "payloads"}}, "pod": {"image": "runner:1"}}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"stores": {}}, "stores"),
        ({"stores": {"default": {"bukket": "x"}}}, "stores.default.bukket"),
        ({"pod": {}}, "pod.image"),
        ({"jobTTL": "a week"}, "jobTTL"),
        ({"api": {"qps": 0}}, "api.qps"),
        ({"lease": {"duration": "1s"}}, "lease.duration"),
        ({"http": {"port": 70000}}, "http.port"),
        ({"surprise": 1}, "surprise"),
        (
            {"stores": {"eu": {"bucket": "b", "endpoint": "http://minio:9000"}}},
            "stores.eu: .*allowHttp: true",
        ),
        ({"stores": {"eu": {"bucket": "b", "endpoint": "minio:9000"}}}, "stores.eu: .*https://host:port"),
    ],
)
def test_an_error_names_the_field(change, named):
    with pytest.raises(settings.InvalidSettings, match=named):
        settings.parse({**GOOD, **change})


def test_decisions_get_the_stores_the_pod_and_the_times():
    values = {
        **GOOD,
        "stores": {"default": {"bucket": "b", "prefix": "/team/", "credentialsSecret": "s"}},
        "pod": {"image": "runner:1", "serviceAccount": "tasks"},
        "jobTTL": "1h",
        "pendingLook": "3s",
    }
    world = settings.parse(values).world
    assert world.stores["default"].location.prefix == "team"
    assert world.stores["default"].credentials_secret == "s"
    assert world.pod.service_account == "tasks"
    assert (world.job_ttl_seconds, world.pending_look_seconds) == (3600, 3.0)


def test_a_store_over_plain_http_reaches_the_runners_where_it_is_allowed():
    store = {"bucket": "b", "endpoint": "http://minio:9000", "allowHttp": True}
    world = settings.parse({**GOOD, "stores": {"default": store}}).world
    assert world.stores["default"].location.allow_http


def run_main(tmp_path, capsys, text, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    file = tmp_path / "config.yaml"
    file.write_text(text)
    code = main(["--config", str(file)])
    return code, capsys.readouterr().err


def test_a_broken_configuration_ends_the_process_with_one_line(tmp_path, capsys, monkeypatch):
    code, said = run_main(tmp_path, capsys, "pod: {image: x}", monkeypatch)
    assert code == 2
    assert said.count("\n") == 1
    assert "stores" in said


def test_a_missing_kubeconfig_is_named(tmp_path, capsys, monkeypatch):
    code, said = run_main(tmp_path, capsys, json.dumps(GOOD), monkeypatch)
    assert code == 2
    assert "absent" in said


def test_no_configuration_says_how_to_give_one(capsys, monkeypatch):
    monkeypatch.delenv(settings.CONFIG_VARIABLE, raising=False)
    assert main([]) == 2
    assert settings.CONFIG_VARIABLE in capsys.readouterr().err


KUBECONFIG = {
    "current-context": "here",
    "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:8001/"}}],
    "users": [{"name": "u", "user": {"token": "secret"}}],
}


def connect(tmp_path, config, clock=lambda: 0.0):
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    return auth.from_kubeconfig(file, clock)


def test_a_kubeconfig_gives_server_namespace_and_token(tmp_path):
    connection = connect(tmp_path, KUBECONFIG)
    assert connection.server == "http://127.0.0.1:8001"
    assert connection.namespace == "team"
    assert connection.authorization() == "Bearer secret"


def test_a_login_plugin_is_refused_in_words(tmp_path):
    config = {**KUBECONFIG, "users": [{"name": "u", "user": {"exec": {"command": "login"}}}]}
    with pytest.raises(auth.NoCluster, match="login plugins"):
        connect(tmp_path, config)


def test_a_missing_context_is_named(tmp_path):
    with pytest.raises(auth.NoCluster, match="no context named 'there'"):
        connect(tmp_path, {**KUBECONFIG, "current-context": "there"})


def test_a_token_file_is_read_again(tmp_path):
    now = [0.0]
    token = tmp_path / "token"
    token.write_text("old\n")
    read = auth.TokenFile(token, lambda: now[0])
    assert read() == "Bearer old"
    token.write_text("new\n")
    assert read() == "Bearer old"
    now[0] = 61.0
    assert read() == "Bearer new"
