"""The numbered checks, and the function that runs them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from catena.core.contract import behaviour, border, declaration, machine, physics
from catena.core.contract.report import (
    Check,
    CheckResult,
    ContractReport,
    Failed,
    NotApplicable,
    State,
)
from catena.core.contract.subject import Subject
from catena.core.model import Model
from catena.core.runtime import Progress, SilentProgress

CHECKS: tuple[Check, ...] = (
    Check("C01", "id, version, title, documentation, citation and licence are present",
          "fill in ModelInfo", declaration.identity),
    Check("C02", "schemas survive JSON schema, plain data and Arrow",
          "declare fields with plain values", declaration.round_trip),
    Check("C03", "every port has a known unit, every numeric input but a coordinate has bounds",
          "add bounds (one side is enough) or a distribution", declaration.units_and_bounds),
    Check("C04", "defaults and parameter values are valid",
          "bring the default into the field's bounds and unit", declaration.defaults),
    Check("C05", "it predicts on its defaults or its example",
          "repair _predict, or offer example_inputs() with sensible values", behaviour.predicts),
    Check("C06", "a batch of one equals its row in a batch of seven",
          "keep rows independent", behaviour.one_row),
    Check("C07", "permuting the rows permutes the outputs",
          "keep rows independent of their position", behaviour.permuted),
    Check("C08", "no rows in, no rows out", "let every array be empty along the batch", behaviour.empty),
    Check("C09", "outputs have the declared names, shapes, kinds and bounds",
          "return what the schema says, or declare what is returned", behaviour.declared_outputs),
    Check("C10", "values out of bounds are refused with their row number",
          "raise InputError with RowFaults", border.out_of_bounds),
    Check("C11", "NaN and infinity are refused with their row number",
          "let the schema check the inputs", border.not_finite),
    Check("C12", "inputs in other units give the same result",
          "compute in the declared units only", border.other_units),
    Check("C13", "equal inputs and key give equal outputs",
          "draw random numbers from the key only", behaviour.deterministic),
    Check("C14", "the key matters for stochastic models, and for no others",
          "set Capabilities(stochastic=...) and use the key", behaviour.uses_key),
    Check("C15", "inputs are not changed in place", "copy before writing", behaviour.leaves_inputs),
    Check("C16", "gradients agree with central differences",
          "correct _jvp/_vjp, or write the function without branches on values", physics.gradients),
    Check("C17", "a restored copy has the same key and outputs",
          "hold plain state only", machine.restored),
    Check("C18", "the key is the same in another process",
          "keep addresses, times and unordered sets out of the state", machine.same_key_elsewhere, True),
    Check("C19", "another parameter or default gives another key",
          "declare parameters as Fields, or extend _identity", behaviour.key_follows),
    Check("C20", "four threads at once get equal outputs",
          "keep no state between calls", machine.threads),
    Check("C21", "a spawned worker computes the same", "keep the module free of start-up state",
          machine.worker, True),
    Check("C22", "its module loads within its budget of processor time",
          "import heavy packages inside functions, or declare import_budget", machine.import_time, True),
    Check("C23", "its speed is recorded", "let it run on larger batches", machine.throughput, True),
    Check("C24", "repeated calls do not pile up memory", "drop what a call allocates", machine.memory, True),
    Check("C25", "the properties its author declares hold on random rows",
          "correct the model or the property", physics.properties),
    Check("C26", "intervals are in order and hold what they say",
          "calibrate the intervals (conformal)", physics.intervals),
    Check("C27", "a dynamic solution does not depend on the output grid",
          "tighten the solver or its interpolation", physics.time_grid),
    Check("C28", "a what-if leaves the original as it was", "keep the model immutable", behaviour.what_if),
    Check("C29", "validation.yaml is present and well formed",
          "write claims about the model beside it", declaration.claims),
    Check("C30", 'on_error="skip" keeps the good rows and says which were bad',
          "return one row per good row", border.skipping),
    Check("C31", "texts with units are understood, wrong units refused",
          "declare the unit of the field", border.text_units),
    Check("C32", "a missing required field is named", "declare the field as required", border.missing_field),
    Check("C33", "an unknown field gets a proposal", "take inputs through the schema", border.unknown_field),
    Check("C34", "constants given once equal constants given in every row",
          "take arrays with the full batch axis", behaviour.constants),
    Check("C35", "the domain flag is one boolean per row",
          "return a boolean array from _domain", behaviour.domain),
)  # fmt: skip


def check_model(
    model: str | Model,
    *,
    rows: Mapping[str, Any] | None = None,
    quick: bool = False,
    only: Collection[str] | None = None,
    progress: Progress | None = None,
) -> ContractReport:
    """Run the contract suite on a model.

    Inputs are made from the schema (bounds, defaults, distributions). Where random values make
    no sense, a model offers ``example_inputs() -> dict``; further optional attributes are
    ``properties`` (name -> function of inputs and outputs returning one truth per row),
    ``coverage_data() -> (inputs, observed)`` and ``import_budget`` in seconds.

    Args:
        model: A Model or the id of a registered one.
        rows: Input values to use instead of ``example_inputs``.
        quick: Leave out worker processes, speed and memory, and keep batches small.
        only: Ids of the checks to run; all by default.
        progress: Told about every check.

    Returns:
        Every check with pass, fail or n/a, its reason and what to change.
    """
    from catena.core.registry import load

    subject = Subject(load(model), rows, quick)
    bar = progress or SilentProgress()
    chosen = [check for check in CHECKS if only is None or check.id in only]
    bar.start(len(chosen), f"checking {subject.model.info.id}")
    results = []
    try:
        for check in chosen:
            results.append(run_check(check, subject))
            bar.advance()
    finally:
        bar.finish()
    return ContractReport(subject.model.info.id, tuple(results))


def run_check(check: Check, subject: Subject) -> CheckResult:
    """Run one check; whatever it raises becomes its outcome."""
    if check.slow and subject.quick:
        return CheckResult(check.id, check.meaning, "n/a", "left out of a quick run", check.fix)
    start = time.perf_counter()
    state, reason = _outcome(check, subject)
    seconds = round(time.perf_counter() - start, 3)
    return CheckResult(check.id, check.meaning, state, reason, check.fix, seconds)


def _outcome(check: Check, subject: Subject) -> tuple[State, str]:
    try:
        return "pass", check.run(subject) or ""
    except NotApplicable as reason:
        return "n/a", str(reason)
    except Failed as reason:
        return "fail", str(reason)
    except Exception as error:
        return "fail", f"{type(error).__name__}: {error}".splitlines()[0][:300]
