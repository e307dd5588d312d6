from __future__ import annotations

import pytest

from ferryman.api.phases import TERMINAL, Outcome, Phase
from ferryman.api.reasons import MEANING, Budget, Reason


def test_every_reason_has_a_meaning():
    assert set(MEANING) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_what_happened_and_what_to_do(reason):
    assert MEANING[reason].happened.strip()
    assert MEANING[reason].remedy.strip()


@pytest.mark.parametrize("reason", [r for r in Reason if MEANING[r].budget is not Budget.NONE])
def test_a_reason_that_spends_a_budget_ends_a_run_whose_budget_is_spent(reason):
    assert MEANING[reason].phase in TERMINAL


@pytest.mark.parametrize("reason", [r for r in Reason if MEANING[r].outcome is Outcome.SUCCEEDED])
def test_only_a_completed_run_has_an_attempt_that_succeeded(reason):
    assert MEANING[reason].phase is Phase.COMPLETED


def test_every_terminal_phase_has_a_reason():
    assert {meaning.phase for meaning in MEANING.values()} >= TERMINAL
