"""Contract 1, through Kubernetes: the TaskRun resource and what a runner is told and reports.

Import the modules, not this package: it loads nothing, because the runner, which
pays for every import in every pod, needs only `names` and `runner_contract`.
"""
