"""A rule is written twice, as CEL and as Python: both say the same of every TaskRun."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from builders.admission import a_task_run, faults_of_creating
from ferryman.api import rules, taskrun, validation

DIGEST = "a" * 64

durations = st.sampled_from(
    ["0s", "0ms", "1ms", "1.5s", "168h", "168h1ms", "720h", "720h0.001s", "8760h", "8761h"]
)
names = st.sampled_from(["report", "other", "another"])
variables = st.sampled_from(
    ["A", "B", "AWS", "AWS_KEY", "PYTHONPATH", "PYTHON", "LD_X", "LDX", "FERRYMAN_", "xAWS_"]
)
keys = st.sampled_from(
    ["team", "ferryman.dev/a", "x.ferryman.dev/a", "ferryman.development/a", "myferryman.dev/a"]
)


def some_of(**fields: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries({}, optional=fields)


def with_name(of: st.SearchStrategy, **fields: st.SearchStrategy) -> st.SearchStrategy:
    return st.fixed_dictionaries({"name": of}, optional=fields)


blob = st.just({"sha256": DIGEST, "size": 1})
ranges = st.fixed_dictionaries(
    {"sha256": st.just(DIGEST), "size": st.just(1)},
    optional={"offset": st.integers(0, 2), "object": st.just(DIGEST)},
)
key_ref = st.just({"name": "n", "key": "k"})
value_from = some_of(
    secretKeyRef=key_ref, configMapKeyRef=key_ref, fieldRef=st.just({"fieldPath": "metadata.name"})
)
reference = st.just({"name": "n"})
volume = with_name(
    st.just("v"),
    emptyDir=st.just({}),
    secret=st.just({"secretName": "s"}),
    persistentVolumeClaim=st.just({"claimName": "c"}),
)
pods = some_of(
    env=st.lists(with_name(variables, value=st.just("x"), valueFrom=value_from), max_size=3),
    envFrom=st.lists(some_of(prefix=variables, secretRef=reference, configMapRef=reference), max_size=2),
    volumes=st.lists(volume, max_size=2),
    priorityClassName=st.sampled_from(["high", "system-node-critical", "not-system-x"]),
    labels=st.dictionaries(keys, st.just("x"), max_size=3),
    annotations=st.dictionaries(keys, st.just("x"), max_size=3),
)
hit = st.just(
    {
        "uid": "5f0c1a2e-0000-4000-8000-000000000002",
        "attempt": 1,
        "sha256": DIGEST,
        "size": 1,
        "serializer": "json",
    }
)
specs = st.fixed_dictionaries(
    {
        "task": st.just({"name": "report"}),
        "function": some_of(blob=blob, entrypoint=st.just("reports.daily:build")),
    },
    optional={
        "parameters": some_of(blob=ranges, values=st.dictionaries(names, st.integers(), max_size=2)),
        "dependsOn": st.lists(with_name(names), max_size=3, unique_by=lambda one: one["name"]),
        "timeout": durations,
        "startTimeout": durations,
        "deadline": durations,
        "ttlAfterFinished": durations,
        "retry": some_of(delays=st.lists(durations, max_size=3)),
        "result": some_of(cacheExpiration=durations, refreshCache=st.booleans(), hit=hit),
        "pod": pods,
    },
)


def broken(told: list[str] | tuple[str, ...]) -> list[tuple[str, str]]:
    """Which rule is broken where, of what was told."""
    found = (
        (line.partition(":")[0], rule.message)
        for line in told
        for rule in rules.RULES
        if rule.message in line
    )
    return sorted(found)


@given(specs)
def test_cel_and_python_find_the_same_rules_broken_at_the_same_places(spec):
    manifest = a_task_run() | {"spec": spec}
    by_server = faults_of_creating(manifest)
    by_client = validation.problems(taskrun.parse(manifest).spec, name="report")
    assert broken(by_server) == broken(by_client)
    assert len(by_server) == len(broken(by_server)), by_server
