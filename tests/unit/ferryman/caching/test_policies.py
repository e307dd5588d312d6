"""What each policy makes a key of, and what becomes of sums and differences."""

from __future__ import annotations

import functools
import itertools

import cloudpickle
import pytest

from builders.task_contexts import a_call
from ferryman.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyFnPolicy,
    CachePolicy,
    Inputs,
)
from ferryman.caching import policies
from ferryman.caching.hashing import Unhashable
from ferryman.exceptions import InvalidCacheKey


def key(policy, inputs=None, flow_parameters=None, **call):
    return policy.compute_key(a_call(**call), inputs or {}, flow_parameters or {})


def test_inputs_tell_parameters_apart():
    assert key(INPUTS, {"x": 1}) == key(INPUTS, {"x": 1})
    assert key(INPUTS, {"x": 1}) != key(INPUTS, {"x": 2})
    assert key(INPUTS, {"x": 1}) != key(INPUTS, {"y": 1})


def test_inputs_tell_tasks_apart():
    assert key(INPUTS, {"x": 1}, key="m.f-00") != key(INPUTS, {"x": 1}, key="m.g-00")


def test_inputs_without_a_parameter_have_no_key():
    assert key(INPUTS) is None
    assert key(INPUTS - "x", {"x": 1}) is None


def test_an_excluded_parameter_does_not_count():
    assert key(INPUTS - "debug", {"x": 1, "debug": True}) == key(INPUTS - "debug", {"x": 1, "debug": False})
    assert Inputs(exclude=("a", "b")) == (INPUTS - "b") - "a"


def test_exclusion_reaches_the_inputs_in_a_sum_and_leaves_the_rest():
    one = key(DEFAULT - "debug", {"x": 1, "debug": True}, flow_run_id="flow")
    assert one == key(DEFAULT - "debug", {"x": 1, "debug": False}, flow_run_id="flow")
    assert one != key(DEFAULT, {"x": 1, "debug": False}, flow_run_id="flow")


@pytest.mark.parametrize("policy", [NONE, TASK_SOURCE, RUN_ID])
def test_what_has_no_inputs_stays_as_it_is_without_one(policy):
    assert policy - "x" == policy


def test_only_a_name_can_be_taken_away():
    with pytest.raises(TypeError, match="5"):
        INPUTS - 5


def test_task_source_tells_sources_apart():
    assert key(TASK_SOURCE, key="m.f-00") == key(TASK_SOURCE, key="other.f-00")
    assert key(TASK_SOURCE, key="m.f-00") != key(TASK_SOURCE, key="m.f-01")


def test_task_source_tells_what_closures_captured_apart():
    def adding(n):
        return lambda x: x + n

    assert key(TASK_SOURCE, fn=adding(1)) == key(TASK_SOURCE, fn=adding(1))
    assert key(TASK_SOURCE, fn=adding(1)) != key(TASK_SOURCE, fn=adding(2))


def test_task_source_tells_bound_arguments_apart():
    assert key(TASK_SOURCE, fn=functools.partial(pow, 2)) != key(TASK_SOURCE, fn=functools.partial(pow, 3))


def test_a_closure_value_without_a_digest_does_not_count():
    def over(items):
        return lambda: items

    assert key(TASK_SOURCE, fn=over(n for n in [1])) is not None


def test_task_source_is_the_same_after_a_journey():
    def adding(n):
        return lambda x: x + n

    travelled = cloudpickle.loads(cloudpickle.dumps(adding([1, "a"])))
    assert key(TASK_SOURCE, fn=travelled) == key(TASK_SOURCE, fn=adding([1, "a"]))


def test_flow_parameters_are_those_of_the_flow():
    assert key(FLOW_PARAMETERS) is None
    assert key(FLOW_PARAMETERS, {}, {"day": 1}) != key(FLOW_PARAMETERS, {}, {"day": 2})


def test_the_digest_of_flow_parameters_stands_for_them():
    digest = policies.flow_digest({"day": 1})
    found = FLOW_PARAMETERS.compute_key(a_call(), {}, {}, flow_parameters_digest=digest)
    assert found == key(FLOW_PARAMETERS, {}, {"day": 1})


def test_the_run_id_is_that_of_the_flow_and_else_of_the_run():
    assert key(RUN_ID, run_id="r", flow_run_id="f") == "f"
    assert key(RUN_ID, run_id="r") == "r"


def test_a_key_with_the_id_of_a_lone_run_is_for_no_other():
    assert DEFAULT.is_for_others(a_call(flow_run_id="flow"))
    assert not DEFAULT.is_for_others(a_call())
    assert (INPUTS + TASK_SOURCE).is_for_others(a_call())


def test_no_cache_has_no_key_and_adds_nothing():
    assert NO_CACHE is NONE
    assert key(NONE, {"x": 1}) is None
    assert NONE + INPUTS == INPUTS == INPUTS + NONE
    assert NONE + NONE == NONE


def test_a_key_function_is_given_context_and_parameters():
    policy = CachePolicy.from_cache_key_fn(
        lambda context, parameters: f"{context.task.name}/{parameters['x']}"
    )
    assert policy == CacheKeyFnPolicy(policy.cache_key_fn)
    assert key(policy, {"x": 3}) == "function/3"


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_key_function_may_decline(nothing):
    assert key(CacheKeyFnPolicy(lambda *_: nothing)) is None


def test_a_key_that_is_no_string_is_refused():
    with pytest.raises(InvalidCacheKey, match="int: 7"):
        key(CacheKeyFnPolicy(lambda *_: 7))


def test_the_order_of_a_sum_does_not_count():
    parts = [INPUTS, TASK_SOURCE, RUN_ID]
    sums = [functools.reduce(lambda a, b: a + b, order) for order in itertools.permutations(parts)]
    assert len({key(one, {"x": 1}, flow_run_id="f") for one in sums}) == 1
    assert key(INPUTS + (TASK_SOURCE + RUN_ID), {"x": 1}) == key(DEFAULT, {"x": 1})


def test_a_part_that_is_added_twice_counts_once():
    assert INPUTS + INPUTS == INPUTS
    assert DEFAULT + INPUTS == DEFAULT


def test_a_part_without_a_key_does_not_count():
    assert key(INPUTS + FLOW_PARAMETERS, {"x": 1}) == key(INPUTS + FLOW_PARAMETERS, {"x": 1})
    assert key(INPUTS + FLOW_PARAMETERS, {}) is None


def test_a_part_that_fails_fails_the_sum():
    with pytest.raises(Unhashable, match="its argument 'x' cannot be hashed .* INPUTS - 'x' leaves it out"):
        key(INPUTS + TASK_SOURCE, {"y": 1, "x": (n for n in [1])})


def test_only_policies_can_be_added():
    with pytest.raises(TypeError):
        INPUTS + "x"


def test_configure_makes_a_copy():
    configured = INPUTS.configure(isolation_level="READ_COMMITTED")
    assert (configured.isolation_level, INPUTS.isolation_level) == ("READ_COMMITTED", None)


@pytest.mark.parametrize("settings", [{"isolation_level": "CHAOS"}, {"lock_manager": object()}])
def test_configure_refuses_what_cannot_be(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        INPUTS.configure(**settings)


def test_a_sum_has_the_settings_of_its_parts_if_they_agree():
    strict = INPUTS.configure(isolation_level="SERIALIZABLE")
    assert (strict + TASK_SOURCE).isolation_level == "SERIALIZABLE"
    with pytest.raises(ValueError, match="isolation_level"):
        strict + TASK_SOURCE.configure(isolation_level="READ_COMMITTED")


def test_the_names_of_a_key_are_told():
    assert policies.material(DEFAULT) == ("Inputs", "RunId", "TaskSource")


@pytest.mark.parametrize("found", ["../../etc", "a/b", "", "ü" * 500])
def test_a_key_of_the_store_is_a_digest(found):
    assert len(policies.object_key(found)) == 64
