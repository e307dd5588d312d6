"""The pages under docs/reference, each made from what it describes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from ferryman import exceptions
from ferryman.api import crd, names, phases, reasons, rules, runner_contract
from ferryman.api.pod_schema import Schema
from markdown import attribute_docs, code, page, table

_BOUNDS = {
    "minLength": "≥ {} characters",
    "maxLength": "≤ {} characters",
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "maxItems": "≤ {} items",
    "maxProperties": "≤ {} entries",
}


def taskrun() -> str:
    """Every field of a TaskRun, then the rules between them."""
    fields = crd.schema()["properties"]
    header = ("Field", "Type", "Bounds", "Default", "What it says")
    rule_rows = ((code(".".join(rule.at) + rule.field or "TaskRun"), rule.message) for rule in rules.RULES)
    return page(
        "TaskRun",
        "ferryman.api.taskrun, .pod_schema and .rules",
        "`kubectl explain taskrun.spec` says the same. A field in **bold** is required. Durations are "
        "written as Go does, largest unit first: `300ms`, `1.5s`, `1h30m`. Editors complete and "
        "check manifests with [taskrun.schema.json](taskrun.schema.json).",
        f"## spec\n\n{fields['spec']['description']}",
        table(header, _rows(fields["spec"], "spec")),
        f"## status\n\n{fields['status']['description']}",
        table(header, _rows(fields["status"], "status")),
        "## Rules between fields\n\nThe API server refuses what breaks one of these, with the same words; "
        "`ferryman.api.validation.problems` says them before it is asked. In addition the values in "
        "`spec.parameters.values` are at most 64 KiB as JSON, which only the client and the operator can "
        "check: a TaskRun with more ends `Failed` with reason `InvalidSpec`.",
        table(("Where", "What must hold"), rule_rows),
    )


def _rows(node: Schema, path: str) -> Iterator[tuple[str, ...]]:
    required = node.get("required", ())
    for name, field in node.get("properties", {}).items():
        shown = f"**`{path}.{name}`**" if name in required else code(f"{path}.{name}")
        default = field.get("default")
        written = code(default) if default not in ({}, None) else ""
        yield shown, _type(field), _bounds(field), written, field.get("description", "")
        child = field.get("items", field)
        yield from _rows(child, f"{path}.{name}" + "[]" * ("items" in field))


def _type(field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if "items" in field:
        return f"list of {_type(field['items'])}"
    if "additionalProperties" in field:
        return f"map to {_type(field['additionalProperties'])}"
    return str(field.get("format") if field.get("format") == "date-time" else field["type"])


def _bounds(field: Schema) -> str:
    said = [text.format(field[key]) for key, text in _BOUNDS.items() if key in field]
    if "enum" in field:
        said = [", ".join(code(value) or '`""`' for value in field["enum"])]
    elif "pattern" in field:
        said.append(code(field["pattern"]))
    for part in ("items", "additionalProperties"):
        if field.get(part, {}).get("type") == "string":
            said.append(f"each {_bounds(field[part])}")
    return "; ".join(said)


def reasons_page() -> str:
    """Phases, outcomes and the table of reasons."""
    rows = (
        (
            code(reason.value),
            code(m.phase),
            m.happened,
            m.remedy,
            code(m.budget) if m.budget != "none" else "none",
        )
        for reason, m in reasons.MEANING.items()
    )
    return page(
        "Phases and reasons",
        "ferryman.api.phases and .reasons",
        "A reason is in the condition `Succeeded` of a run and in the rows of `status.attempts`. Reasons are "
        "part of the API: they are never renamed, only added to.",
        "## Phases",
        table(("Phase", "Where the run is"), _members(phases.Phase, "Phase")),
        "## Outcomes of an attempt",
        table(("Outcome", "How the attempt ended"), _members(phases.Outcome, "Outcome")),
        "## Reasons\n\n*Phase* is where a run is with this reason; of a failed attempt, where the run ends "
        "if no other attempt may follow. *Budget* is what another attempt is charged to, in `spec.retry`; "
        "after `none` there is no other attempt.",
        table(("Reason", "Phase", "What happened", "What to do", "Budget"), rows),
    )


def _members(kind: type[phases.Phase | phases.Outcome], name: str) -> Iterator[tuple[str, str]]:
    docs = attribute_docs(phases, name)
    for member in kind:
        yield code(member.value), docs[member.name]


def exceptions_page() -> str:
    """The tree, then what each class says."""
    tree = inspect.getdoc(exceptions) or ""
    rows = (
        (code(name), ", ".join(code(base.__name__) for base in kind.__bases__), inspect.getdoc(kind) or "")
        for name, kind in vars(exceptions).items()
        if inspect.isclass(kind) and issubclass(kind, exceptions.FerrymanError)
    )
    drawn = "\n".join(line.removeprefix("    ") for line in tree.splitlines() if line.startswith("    "))
    said = "\n".join(line for line in tree.splitlines()[1:] if not line.startswith("    "))
    return page(
        "Exceptions",
        "ferryman.exceptions",
        f"```text\n{drawn}\n```",
        " ".join(said.split()),
        table(("Class", "Is a", "What it says"), rows),
    )


def environment_page() -> str:
    """What the operator tells a runner, and what the runner reports."""
    env = attribute_docs(runner_contract, "Env")
    exits = attribute_docs(runner_contract, "ExitCode")
    return page(
        "The runner's environment and report",
        "ferryman.api.runner_contract",
        f"The container `runner` runs `{' '.join(runner_contract.COMMAND)}`. The operator writes these "
        "variables; names that start with "
        + ", ".join(map(code, names.RESERVED_ENV_PREFIXES))
        + " cannot be set by `spec.pod.env`.",
        "## Variables",
        table(("Variable", "What it holds"), ((code(v.value), env[v.name]) for v in runner_contract.Env)),
        "## `FERRYMAN_ASSIGNMENT`\n\n" + (inspect.getdoc(runner_contract.Assignment) or ""),
        _fields("Assignment"),
        "## Exit codes",
        table(
            ("Code", "Name", "What it means"),
            ((code(int(c)), code(c.name), exits[c.name]) for c in runner_contract.ExitCode),
        ),
        "## The report\n\n" + (inspect.getdoc(runner_contract.Report) or ""),
        _fields("Report"),
    )


def _fields(name: str) -> str:
    docs = attribute_docs(runner_contract, name)
    kinds = getattr(runner_contract, name).__annotations__
    return table(
        ("Field", "Type", "What it holds"), ((code(f), code(kinds[f]), said) for f, said in docs.items())
    )
