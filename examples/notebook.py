# %% [markdown]
# # A notebook
#
# Each `# %%` begins a cell: VS Code, PyCharm, Spyder and Jupytext open this file as a notebook, and
# `ferryman dev run examples/notebook.py` runs it from top to bottom. What is defined in cells travels
# to the pods, also what a cell redefines. In a notebook `result()` of a map shows a live table, and a
# flow's picture is drawn.

# %%
import statistics

from ferryman import flow, get_run, task

# %% [markdown]
# A function and what it calls, from two cells.

# %%
UNIT = 10


def scaled(value):
    return value * UNIT


# %%
@task
def measure(value):
    return scaled(value)


measure.map([1, 2, 3]).result()

# %% [markdown]
# Change your mind: what is submitted from now on has the new value.

# %%
UNIT = 100
measured = measure.map([1, 2, 3])
measured.result()

# %% [markdown]
# A run is an object of the cluster, so another kernel, or this one after a restart, can ask for it by its
# name. Values that JSON can hold are read there as they are; pickles only with `trust_pickle=True`.

# %%
name = measured[0].name
get_run(name).result()


# %% [markdown]
# A flow can be looked at before anything runs.


# %%
@task
def mean(values):
    return statistics.mean(values)


@flow
def study(values):
    return mean.submit(measure.map(values))


picture = study.visualize([1, 2, 3])
print(picture)

# %%
print("measured", [future.result() for future in measured], "mean", mean.submit(measured).result())
