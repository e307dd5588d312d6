"""What a function finds in a pod because it is a task: its options, its logger, tasks that it calls."""

import pytest

from builders.attempt import RunnerLab
from ferryman import task
from ferryman.api.reasons import Reason
from ferryman.states import Completed, Failed


@pytest.fixture
def lab(object_store, bucket, tmp_path):
    return RunnerLab(object_store, bucket, tmp_path)


def test_the_run_logger_writes_a_line_for_each_record_with_the_runs_name(lab):
    def speak():
        from ferryman import get_run_logger

        get_run_logger().debug("not told")
        get_run_logger().info("loaded %d rows", 3)

    (line,) = lab.run(speak).errors.splitlines()
    assert line.endswith("| INFO    | a-run - loaded 3 rows")


def test_a_task_that_is_called_in_a_pod_is_tried_again_there(lab):
    @task(retries=2)
    def inner(scale):
        from ferryman import get_run_context

        run = get_run_context().task_run
        if run.run_count < 3:
            raise ValueError("not yet")
        return run.run_count * scale

    @task(tags=["outer"])
    def outer():
        from ferryman import current_run, get_run_context

        print("inner", inner(10), "outer", current_run().name, sorted(get_run_context().task_run.tags))

    outcome = lab.run(outer)
    assert "inner 30 outer a-run ['outer']" in outcome.output, outcome.errors


def test_an_async_task_is_called_in_an_async_task(lab):
    @task
    async def inner(number):
        return number + 1

    async def outer():
        print("inner", await inner(1))

    assert "inner 2" in lab.run(outer).output


def test_a_thread_of_the_function_is_in_its_run(lab):
    def outer():
        import threading

        from ferryman import get_run_context

        thread = threading.Thread(target=lambda: print("thread", get_run_context().task_run.name))
        thread.start()
        thread.join()

    assert "thread a-run" in lab.run(outer).output


def test_a_completed_state_is_its_data(lab):
    assert lab.run(lambda: Completed(3)).report.reason is Reason.COMPLETED


def test_a_failed_state_is_a_failure_with_its_exception(lab):
    outcome = lab.run(lambda: Failed(ValueError("no")))
    assert (outcome.report.reason, outcome.report.exception) == (Reason.USER_EXCEPTION, "ValueError")


def test_a_failed_state_without_an_exception_is_told_in_its_own_words(lab):
    assert lab.run(lambda: Failed(message="how?")).report.message == "how?"


def test_an_entrypoint_that_is_a_task_is_asked_by_its_own_condition(lab):
    (lab.folder / "reports.py").write_text(
        "from ferryman import task\n"
        "@task(retries=3, retry_condition_fn=lambda task, run, state: print('asked', task.name) or False)\n"
        "def build(day):\n"
        "    raise ValueError(day)\n"
    )
    outcome = lab.run_assignment(
        lab.assignment(entrypoint="reports:build", values={"day": "monday"}, retries_left=True),
        {"PYTHONPATH": str(lab.folder)},
    )
    assert outcome.report.reason is Reason.RETRY_CONDITION_DECLINED
    assert "asked build" in outcome.output
