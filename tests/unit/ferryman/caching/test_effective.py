"""The table of what counts, row by row."""

from __future__ import annotations

import pytest

from ferryman.cache_policies import DEFAULT, INPUTS, NONE, CacheKeyFnPolicy
from ferryman.caching.effective import Said, effective


def by_name(context, parameters):
    return "k"


KEY_FN = CacheKeyFnPolicy(by_name)

ROWS = {
    "nothing": (Said(), DEFAULT, None),
    "persist_result=True": (Said(persist_result=True), DEFAULT, True),
    "persist_result=False": (Said(persist_result=False), NONE, False),
    "a policy": (Said(cache_policy=INPUTS), INPUTS, True),
    "NONE": (Said(cache_policy=NONE), NONE, None),
    "NONE, persist_result=True": (Said(cache_policy=NONE, persist_result=True), NONE, True),
    "no policy": (Said(cache_policy=None), None, None),
    "a storage key": (Said(result_storage_key="k"), None, True),
    "a storage key and a policy": (Said(result_storage_key="k", cache_policy=INPUTS), None, True),
    "a storage key and NONE": (Said(result_storage_key="k", cache_policy=NONE), NONE, True),
    "a serializer": (Said(result_serializer="json"), DEFAULT, True),
    "a storage": (Said(result_storage="archive"), DEFAULT, True),
    "a key function": (Said(cache_key_fn=by_name), KEY_FN, True),
    "a key function and a policy": (Said(cache_key_fn=by_name, cache_policy=INPUTS), KEY_FN, True),
    "a policy, persist_result=False": (Said(cache_policy=INPUTS, persist_result=False), NONE, False),
    "a key function, persist_result=False": (Said(cache_key_fn=by_name, persist_result=False), NONE, False),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_said_gives_policy_and_persistence(row):
    said, policy, persist = ROWS[row]
    found = effective(said)
    assert (found.policy, found.persist_result) == (policy, persist)


@pytest.mark.parametrize(
    "row",
    ["a key function and a policy", "a policy, persist_result=False", "a key function, persist_result=False"],
)
def test_a_contradiction_is_told(row):
    assert effective(ROWS[row][0]).warning


@pytest.mark.parametrize("row", ["nothing", "a policy", "a key function", "persist_result=False", "NONE"])
def test_what_is_no_contradiction_is_not_told(row):
    assert effective(ROWS[row][0]).warning == ""
