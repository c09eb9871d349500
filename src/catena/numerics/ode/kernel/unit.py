"""One LLVM module under construction: translated functions, tables and declarations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .expressions import MISSING, Scope, result_type, table_text
from .translate import Source, Translator, parse
from .types import Fault, Signature, TranslateError, Value
from .writer import Writer

_INLINE = {"auto": "", "always": " alwaysinline", "never": " noinline"}


@dataclass
class _Function:
    """A translated function, with what decides whether it can be shared."""

    signature: Signature
    text: str
    used: dict[str, Any]
    exported: bool


class Unit:
    """Builds one LLVM module from language functions.

    Args:
        W: Lanes of a vector.
    """

    def __init__(self, W: int) -> None:
        self.W = W
        self._functions: dict[str, _Function] = {}
        self._translations: dict[Callable[..., Any], list[_Function]] = {}
        self._active: list[Callable[..., Any]] = []
        self._raw: list[str] = []
        self._tables: dict[tuple[Any, ...], tuple[Value, str]] = {}
        self._declarations: set[str] = set()

    def add(
        self,
        function: Callable[..., Any],
        constants: Mapping[str, Any] | None = None,
        name: str | None = None,
        inline: str = "auto",
    ) -> Signature:
        """Translate a function, and whatever it calls, into the module; its symbol is exported.

        Args:
            function: A language function.
            constants: Names known at translation: numbers, (nested) tuples of them, ``Extern``
                declarations, or other language functions. Functions it calls see them too.
            name: Symbol; the function's own name when not given.
            inline: ``auto``, ``always`` or ``never``.

        Returns:
            Symbol and types.

        Raises:
            TranslateError: Naming the function, the line and the rule it breaks.
        """
        entry = self._translate(function, constants or {}, name or function.__name__, inline)
        entry.exported = True
        return entry.signature

    def append(self, text: str, declarations: Iterable[str] = ()) -> None:
        """Add functions written as LLVM text."""
        self._raw.append(text)
        self._declarations.update(declarations)

    def text(self) -> str:
        """Return the module as LLVM text."""
        functions = [
            entry.text.replace("define ", "define " if entry.exported else "define internal ", 1)
            for entry in self._functions.values()
        ]
        tables = [text for _, text in self._tables.values()]
        return "\n".join([*tables, *sorted(self._declarations), *self._raw, *functions, ""])

    def use(
        self, function: Callable[..., Any], constants: Mapping[str, Any] | None = None
    ) -> Signature:
        """Return the signature of a language function, adding it for use inside the module."""
        return self._shared(function, constants or {}).signature

    def _shared(self, function: Callable[..., Any], constants: Mapping[str, Any]) -> _Function:
        if function in self._active:
            raise Fault(f"{function.__name__} is called by what it calls")
        for entry in self._translations.get(function, ()):
            if all(constants.get(name, MISSING) == value for name, value in entry.used.items()):
                return entry
        # The prefix keeps our sin apart from the C library's, which ours may call.
        stem = symbol = f"catena.{function.__name__}"
        count = 1
        while symbol in self._functions:
            count += 1
            symbol = f"{stem}.{count}"
        inline = getattr(function, "__language__", {}).get("inline", "auto")
        return self._translate(function, constants, symbol, inline)

    def _translate(
        self, function: Callable[..., Any], constants: Mapping[str, Any], symbol: str, inline: str
    ) -> _Function:
        if symbol in self._functions:
            raise ValueError(f"{symbol} is already a function of this unit")
        source = parse(function)
        out = Writer(self.W, source.contract)
        signature = Signature(symbol, tuple(source.parameters.values()), source.result)
        entry = _Function(signature, "", {}, exported=False)
        self._functions[symbol] = entry

        def resolve(callee: Callable[..., Any]) -> Signature:
            if callee is function:
                return signature
            called = self._shared(callee, constants)
            scope.used.update(called.used)
            return called.signature

        scope = Scope(constants, _outer(function), resolve, self._table, used=entry.used)
        self._active.append(function)
        try:
            Translator(source, scope, out).run()
        except TranslateError:
            del self._functions[symbol]
            raise
        finally:
            self._active.pop()
        self._declarations |= out.declarations
        entry.text = self._definition(source, signature, out, inline)
        self._translations.setdefault(function, []).append(entry)
        return entry

    def _definition(self, source: Source, signature: Signature, out: Writer, inline: str) -> str:
        alias = " noalias" if source.noalias else ""
        parameters = ", ".join(
            f"{kind.llvm(self.W)}{alias if kind.is_pointer else ''} %{name}"
            for name, kind in source.parameters.items()
        )
        result = result_type(self.W, signature.result)
        head = f"define {result} @{signature.symbol}({parameters}) nounwind{_INLINE[inline]} {{"
        return "\n".join([head, "entry:", *out.slots, *out.lines, "}", ""])

    def _table(self, numbers: tuple[Any, ...]) -> Value:
        if numbers not in self._tables:
            symbol = f"table.{len(self._tables)}"
            kind, text = table_text(symbol, numbers)
            self._tables[numbers] = (Value(kind, f"@{symbol}"), text)
        return self._tables[numbers][0]


def _outer(function: Callable[..., Any]) -> dict[str, Any]:
    closure = inspect.getclosurevars(function)
    return {**function.__globals__, **closure.nonlocals}
