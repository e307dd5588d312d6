"""Which failure is followed by another attempt, out of which budget, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.runs import a_run
from ferryman.api import jitter
from ferryman.api.reasons import MEANING, Budget, Reason
from ferryman_operator.reconcile import retries

U, N = Reason.USER_EXCEPTION, Reason.NODE_LOST

BUDGETS = {
    "a failure of the function spends a retry": (a_run().retrying(1), U, (1, 0)),
    "no retries, no second attempt": (a_run(), U, None),
    "all retries spent": (a_run().retrying(2).after_failures(U, U), U, None),
    "what the infrastructure took spent no retry": (a_run().retrying(1).after_failures(N, N), U, (1, 2)),
    "a lost node spends an infrastructure retry": (a_run(), N, (0, 1)),
    "all infrastructure retries spent": (a_run().after_failures(N, N, N), N, None),
    "what the function raised spent no infrastructure retry": (
        a_run().retrying(1, infrastructure_retries=1).after_failures(U),
        N,
        (1, 1),
    ),
    "no infrastructure retries": (a_run().retrying(5, infrastructure_retries=0), N, None),
    "what cannot be helped is not tried again": (a_run().retrying(5), Reason.MODULE_NOT_FOUND, None),
}


@pytest.mark.parametrize(("run", "reason", "want"), BUDGETS.values(), ids=BUDGETS)
def test_budget(run, reason, want):
    retry = retries.after(run.case, reason)
    assert (retry and (retry.retries_used, retry.infrastructure_retries_used)) == want


@pytest.mark.parametrize("reason", [r for r, m in MEANING.items() if m.budget is Budget.NONE])
def test_a_reason_without_a_budget_is_never_tried_again(reason):
    assert retries.after(a_run().retrying(100, infrastructure_retries=100).case, reason) is None


@pytest.mark.parametrize(
    ("delays", "want"),
    [
        ([], [0, 0, 0]),
        (["2s"], [2, 2, 2]),
        (["1s", "10s"], [1, 10, 10]),
        (["0s", "500ms", "1m"], [0, 0.5, 60]),
    ],
)
def test_the_last_delay_repeats(delays, want):
    assert [retries.delay_of(delays, used).total_seconds() for used in range(3)] == want


def test_infrastructure_delays_double_up_to_five_minutes():
    seconds = [retries.infrastructure_delay(used).total_seconds() for used in range(8)]
    assert seconds == [5, 10, 20, 40, 80, 160, 300, 300]


@given(st.integers(0, 100))
def test_infrastructure_retries_do_not_wait_as_the_user_asked(used):
    run = a_run().retrying(9, delays=["24h"], infrastructure_retries=100).after_failures(*[N] * min(used, 50))
    assert retries.after(run.case, N).delay <= timedelta(minutes=5) * (1 + retries.INFRASTRUCTURE_JITTER)


@given(st.floats(0.01, 100), st.integers(0, 5))
def test_a_users_delay_is_spread_by_the_users_factor(factor, used):
    run = a_run().retrying(9, delays=["1m"], jitter_factor=factor).after_failures(*[U] * used)
    low, high = jitter.bounds(60, factor)
    assert low - 1e-3 <= retries.after(run.case, U).delay.total_seconds() <= high + 1e-3
