from __future__ import annotations

import ctypes
import gc
import subprocess
import sys

import pytest

from catena.numerics.ode.kernel import machine
from catena.numerics.ode.kernel.lang import F, I, Unit, V, lane, splat
from catena.numerics.ode.kernel.mathlib import exp


def twice(x: F) -> F:
    return 2 * x


def exponential(x: F, k: I) -> F:
    grown: V = exp(splat(x))
    return lane(grown, k)


def code_of(*functions):
    unit = Unit(4)
    for function in functions:
        unit.add(function)
    return machine.compile_unit(unit.text())


def test_code_from_one_compilation_runs_again_and_again():
    code = code_of(twice, exponential)
    for _ in range(3):
        library = machine.load(code)
        doubled = library.function("twice", ctypes.c_double, ctypes.c_double)
        assert doubled(4.0) == 8.0
        grown = library.function("exponential", ctypes.c_double, ctypes.c_double, ctypes.c_int64)
        assert grown(0.0, 3) == 1.0
        assert library.address("twice") == library.address("twice")


def test_a_function_keeps_its_library_alive():
    doubled = machine.load(code_of(twice)).function("twice", ctypes.c_double, ctypes.c_double)
    for _ in range(20):
        machine.load(code_of(exponential))
    gc.collect()
    assert doubled(1.5) == 3.0


def test_effort_does_not_change_results():
    text = Unit(4)
    text.add(exponential)
    results = set()
    for level in (1, 2):
        library = machine.load(machine.compile_unit(text.text(), level))
        types = (ctypes.c_double, ctypes.c_double, ctypes.c_int64)
        results.add(library.function("exponential", *types)(1.234, 0))
    assert len(results) == 1


def test_compilation_is_reproducible():
    assert code_of(twice, exponential) == code_of(twice, exponential)


def test_an_unknown_symbol_is_an_error():
    with pytest.raises(RuntimeError, match="nowhere"):
        machine.load(code_of(twice)).address("nowhere")


def test_wrong_text_is_an_error():
    with pytest.raises(RuntimeError, match="expected"):
        machine.compile_unit("define broken")


def test_key_names_processor_and_compiler():
    key = machine.cpu_key()
    assert key == machine.cpu_key()
    assert "llvmlite" in key
    assert key.count(";") >= 4


def test_importing_the_language_does_not_load_the_compiler():
    lines = [
        "import sys",
        "import catena.numerics.ode.kernel.lang, catena.numerics.ode.kernel.machine",
        "assert 'llvmlite' not in sys.modules",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
