"""The Job of an attempt: one golden manifest, and what a user's options may and may not change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from builders.runs import OTHER_UID, SHA, T0, UID, WORLD, a_run, spec
from ferryman.api import names
from ferryman.api.phases import Phase
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Env, Upstream, decode_assignment, decode_upstreams
from ferryman.api.taskrun import ArgumentBlob, Blob, Function, Parameters, PodOptions, Result
from ferryman_operator.reconcile import jobs
from ferryman_operator.reconcile.observed import PodDefaults, StoreConfig

GOLDEN = Path(__file__).with_name("job.json")


def pod_of(run):
    return jobs.manifest(run.case)["spec"]["template"]["spec"]


def container_of(run):
    return pod_of(run)["containers"][0]


def environment_of(run):
    return {one["name"]: one.get("value") for one in container_of(run)["env"]}


def assignment_of(run):
    return decode_assignment(environment_of(run)[Env.ASSIGNMENT].replace("$$(", "$("))


def everything():
    pod = PodOptions(
        image="registry.example/team/image@sha256:0",
        resources={"limits": {"memory": "1Gi"}},
        env=[{"name": "MODE", "value": "fast"}],
        env_from=[{"configMapRef": {"name": "settings"}}],
        service_account_name="builder",
        node_selector={"disk": "ssd"},
        tolerations=[{"key": "gpu", "operator": "Exists"}],
        affinity={"nodeAffinity": {}},
        priority_class_name="low",
        image_pull_secrets=[{"name": "registry"}],
        volumes=[{"name": "data", "emptyDir": {}}],
        volume_mounts=[{"name": "data", "mountPath": "/data"}],
        runtime_class_name="gvisor",
        labels={"team": "blue", "kueue.x-k8s.io/queue-name": "batch"},
        annotations={"example.com/note": "hello"},
    )
    return a_run().that(pod=pod, parameters=Parameters(values={"day": "2026-11-22"})).at(seconds=0)


def test_the_whole_manifest():
    assert jobs.manifest(everything().case) == json.loads(GOLDEN.read_text())


def test_the_least_manifest_is_sound_json():
    json.dumps(jobs.manifest(a_run().case), allow_nan=False)


def test_user_labels_never_replace_ours():
    run = a_run().with_pod(labels={names.MANAGED_LABEL: "false", names.ATTEMPT_LABEL: "9"})
    labels = jobs.manifest(run.case)["spec"]["template"]["metadata"]["labels"]
    assert (labels[names.MANAGED_LABEL], labels[names.ATTEMPT_LABEL]) == ("true", "1")


def test_only_queue_labels_reach_the_job():
    assert set(jobs.manifest(everything().case)["metadata"]["labels"]) - {
        names.MANAGED_LABEL,
        names.RUN_LABEL,
        names.RUN_UID_LABEL,
        names.ATTEMPT_LABEL,
        names.TASK_LABEL,
    } == {"kueue.x-k8s.io/queue-name"}


def test_of_two_variables_of_a_name_ours_comes_last():
    env = container_of(a_run().with_pod(env=[{"name": Env.ASSIGNMENT.value, "value": "{}"}]))["env"]
    assert [one["name"] for one in env].index(Env.ASSIGNMENT) == 0
    assert assignment_of(a_run().with_pod(env=[{"name": Env.ASSIGNMENT.value, "value": "{}"}])).uid == UID


def test_kubernetes_expands_nothing_in_what_a_user_wrote():
    run = a_run().that(parameters=Parameters(values={"cost": "$(HOME) $5"}))
    assert "$$(HOME) $5" in environment_of(run)[Env.ASSIGNMENT]


def test_the_store_is_named_by_the_run_and_known_to_the_operator():
    stores = {
        **WORLD.stores,
        "eu": StoreConfig(WORLD.stores["default"].location, "", allow_unconditional=True),
    }
    run = a_run().with_result(store="eu").in_world(replace(WORLD, stores=stores))
    assert environment_of(run)[Env.STORE_ALLOW_UNCONDITIONAL] == "1"
    assert "envFrom" not in container_of(run)


def test_what_the_operator_does_not_allow_is_told_so_that_no_source_of_variables_allows_it():
    assert environment_of(a_run())[Env.STORE_ALLOW_UNCONDITIONAL] == "0"


def test_the_configuration_gives_what_the_run_does_not_say():
    defaults = PodDefaults(
        "img", "sa", "Always", "100m", "64Mi", "", "128Mi", {"pool": "jobs"}, run_as_user=None
    )
    run = a_run().in_world(replace(WORLD, pod=defaults))
    assert container_of(run)["resources"] == {
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"memory": "128Mi"},
    }
    assert pod_of(run)["nodeSelector"] == {"pool": "jobs"}
    assert pod_of(run)["serviceAccountName"] == "sa"
    assert "runAsUser" not in pod_of(run)["securityContext"]


def test_blobs_travel_by_digest():
    run = a_run().that(
        function=Function(blob=Blob(sha256=SHA, size=3)),
        parameters=Parameters(blob=ArgumentBlob(sha256=SHA, size=4, offset=8, object="cd" * 32)),
    )
    given = assignment_of(run)
    assert (given.code.sha256, given.arguments.offset, given.arguments.object) == (SHA, 8, "cd" * 32)


def test_a_later_attempt_knows_whose_the_earlier_claims_are():
    run = a_run().retrying(2).after_failures(Reason.USER_EXCEPTION, Reason.USER_EXCEPTION)
    assert [(one.number, one.job_uid) for one in assignment_of(run).earlier] == [(1, "job-1"), (2, "job-2")]


@pytest.mark.parametrize(("retries", "want"), [(0, False), (1, True)])
def test_the_runner_knows_whether_a_failure_would_be_tried_again(retries, want):
    assert assignment_of(a_run().retrying(retries)).retries_left is want


def test_a_job_that_is_created_late_does_not_start():
    run = a_run().that(start_timeout="90s").at(seconds=10)
    assert assignment_of(run).not_after == T0.timestamp() + 100


def test_the_longest_timeouts_are_a_manifest_too():
    json.dumps(
        jobs.manifest(a_run().that(start_timeout="999999h", timeout="999999h", deadline="999999h").case)
    )


def test_upstreams_come_in_the_order_of_the_spec():
    done = (
        a_run()
        .called("b", "uid-b")
        .that_has(Phase.COMPLETED, Reason.COMPLETED, Result(sha256=SHA, size=5, attempt=2, serializer="json"))
    )
    failed = a_run().called("a", "uid-a").that_has(Phase.FAILED, Reason.INVALID_SPEC)
    run = a_run().depending_on("b", "a", condition="Finished").next_to(failed, done)
    assert decode_upstreams({k: v for k, v in environment_of(run).items() if v}) == (
        Upstream("b", "uid-b", 2, SHA, 5, completed=True, reason="Completed"),
        Upstream("a", "uid-a", 0, "", 0, completed=False, reason="InvalidSpec"),
    )


def test_a_shared_result_of_an_upstream_is_where_it_was_computed():
    result = Result(sha256=SHA, size=5, attempt=2, uid=OTHER_UID, serializer="json", cached=True)
    done = a_run().called("b", "uid-b").that_has(Phase.COMPLETED, Reason.CACHED, result)
    run = a_run().depending_on("b").next_to(done)
    upstreams = decode_upstreams({k: v for k, v in environment_of(run).items() if v})
    assert upstreams == (Upstream("b", OTHER_UID, 2, SHA, 5, completed=True, reason="Cached"),)


def test_the_runner_is_told_how_its_result_is_shared():
    told = assignment_of(
        a_run().with_result(cache_key="k", cache_scope="flow/0f", cache_expiration="1h", refresh_cache=True)
    )
    assert (told.cache_key, told.cache_scope, told.cache_expiration) == ("k", "flow/0f", 3600.0)
    assert told.refresh_cache


def test_the_jobs_deadline_lies_behind_every_other():
    run = a_run().that(start_timeout="1m", timeout="2m")
    assert jobs.manifest(run.case)["spec"]["activeDeadlineSeconds"] > 60 + 120 + 30


def test_a_long_name_leaves_room_for_uid_and_attempt():
    name = jobs.manifest(a_run().called("r" * 253).case)["metadata"]["name"]
    assert len(name) == 63
    assert name.endswith("-5f0c1a2e-1")


def test_the_spec_of_the_builders_is_valid():
    assert spec().task.name == "build"


def test_a_token_is_mounted_only_where_the_run_asks_for_one():
    asked = a_run().with_pod(automount_service_account_token=True, image="registry.example/mine:1")
    plain = a_run().with_pod(image="registry.example/mine:1")
    for run, mounted in ((asked, True), (plain, False)):
        pod = jobs.manifest(run.case)["spec"]["template"]["spec"]
        names = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
        assert pod["automountServiceAccountToken"] is mounted
        assert names.get("FERRYMAN_IMAGE") == ("registry.example/mine:1" if mounted else None)
