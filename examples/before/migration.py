"""The script before: for Prefect 3. See examples/migration.py."""

from datetime import timedelta

from prefect import flow, get_run_logger, task
from prefect.cache_policies import INPUTS
from prefect.tasks import exponential_backoff


def report(task, task_run, state):
    print(f"{task_run.name} is {state.name}")


@task(retries=2, retry_delay_seconds=exponential_backoff(backoff_factor=0.1), tags=["io"])
def fetch(city: str) -> float:
    get_run_logger().info("fetching %s", city)
    return {"Oslo": -3.5, "Rome": 14.0, "Cairo": 24.5}[city]


@task(cache_policy=INPUTS, cache_expiration=timedelta(hours=1), on_completion=[report])
def to_fahrenheit(celsius: float) -> float:
    return celsius * 9 / 5 + 32


@task(task_run_name="hottest-of-{cities}")
def hottest(cities: list[str], degrees: list[float]) -> str:
    return max(zip(degrees, cities, strict=True))[1]


@flow(name="weather", log_prints=True)
def weather(cities: list[str]) -> str:
    celsius = fetch.map(cities)
    fahrenheit = to_fahrenheit.map(celsius)
    winner = hottest.submit(cities, fahrenheit)
    return winner.result()


if __name__ == "__main__":
    print("hottest:", weather(["Oslo", "Rome", "Cairo"]))
