"""LLVM text to object code, and object code into this process."""

from __future__ import annotations

import ctypes
import functools
import itertools
from typing import Any

_serial = itertools.count()


@functools.cache
def _initialise() -> None:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@functools.cache
def _host() -> tuple[str, str]:
    """Return name and features of this CPU, in LLVM's words."""
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def vector_lanes() -> int:
    """Return how many doubles a vector register of this CPU holds.

    Wider vectors, two registers each, were measured 20 to 30 % slower on AVX2 (30 and 51 states):
    what a group of lanes works on then no longer fits the first-level cache.
    """
    return 8 if "+avx512f" in _host()[1] else 4


def _target(level: int) -> Any:
    import llvmlite.binding as llvm

    _initialise()
    name, features = _host()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=name, features=features, opt=level, reloc="pic", codemodel="small"
    )


def cpu_key() -> str:
    """Return what object code depends on besides its text: CPU, features, compiler version."""
    import llvmlite
    import llvmlite.binding as llvm

    name, features = _host()
    version = ".".join(str(part) for part in llvm.llvm_version_info)
    triple = llvm.get_process_triple()
    return f"{triple};{name};{features};llvmlite {llvmlite.__version__};LLVM {version}"


def compile_unit(text: str, level: int = 1) -> bytes:
    """Compile LLVM text for this CPU.

    Args:
        text: A module, as :meth:`.unit.Unit.text` gives it.
        level: Effort of the optimiser, 1 or 2. The text is vector code already, so the loop and
            statement vectorisers stay off.

    Returns:
        A relocatable object file.
    """
    import llvmlite.binding as llvm

    machine = _target(level)
    module = llvm.parse_assembly(text)
    module.triple = llvm.get_process_triple()
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_interleaving = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return machine.emit_object(module)


class Library:
    """Object code loaded into this process.

    Args:
        code: An object file from :func:`compile_unit`.
    """

    def __init__(self, code: bytes) -> None:
        import llvmlite.binding as llvm

        self._name = f"catena{next(_serial)}"
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        self._linker = _linker()
        self._tracker = builder.link(self._linker, self._name)

    def address(self, name: str) -> int:
        """Return the address of an exported function; valid as long as the library lives."""
        found = self._linker.lookup(self._name, name)
        found.detach()  # disposing of a look-up unloads the library it looked into
        return int(found[name])

    def function(self, name: str, result: Any, *parameters: Any) -> Any:
        """Return an exported function as a ctypes function, which releases Python's lock."""
        function: Any = ctypes.CFUNCTYPE(result, *parameters)(self.address(name))
        function.library = self  # the code must outlive the function
        return function


@functools.cache
def _linker() -> Any:
    import llvmlite.binding as llvm

    # JITLink keeps code and constants of one object close together, as the small code model needs.
    return llvm.create_lljit_compiler(_target(1), use_jit_link=True)


def load(code: bytes) -> Library:
    """Load object code from :func:`compile_unit` into this process."""
    return Library(code)
