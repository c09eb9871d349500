"""Text of one LLVM function under construction: blocks, temporaries, type coercion."""

from __future__ import annotations

from .types import Fault, Kind, Operand, Value, literal


class Writer:
    """Collects the instructions of one function.

    Args:
        lanes: Width W of vectors.
        contract: Whether a product and a sum may be fused (one rounding); double-double arithmetic
            forbids it.
    """

    def __init__(self, lanes: int, contract: bool) -> None:
        self.lanes = lanes
        self.float_flags = "contract " if contract else ""
        self.declarations: set[str] = set()  # LLVM functions the text calls
        self.slots: list[str] = []
        self.lines: list[str] = []
        self.label = "entry"
        self.open = True  # False behind a return or a jump: what follows is unreachable
        self._count = 0

    def llvm(self, kind: Kind) -> str:
        """Return the LLVM type of ``kind``."""
        return kind.llvm(self.lanes)

    def name(self, stem: str = "v") -> str:
        """Return a fresh name (without its % sign)."""
        self._count += 1
        return f"{stem}{self._count}"

    def line(self, text: str) -> None:
        """Append one instruction, unless it could never run."""
        if self.open:
            self.lines.append(f"  {text}")

    def emit(self, kind: Kind, text: str) -> Value:
        """Append an instruction whose result is of ``kind``; return the result."""
        name = f"%{self.name()}"
        self.line(f"{name} = {text}")
        return Value(kind, name)

    def slot(self, kind: Kind, name: str) -> Value:
        """Reserve the variable ``name`` in the entry block; return its address."""
        address = f"%{self.name(name + '.')}"
        self.slots.append(f"  {address} = alloca {self.llvm(kind)}, align 8")
        return Value(kind, address)

    def read(self, slot: Value) -> Value:
        """Return the present value of a variable."""
        return self.emit(slot.kind, f"load {self.llvm(slot.kind)}, ptr {slot.text}, align 8")

    def write(self, slot: Value, operand: Operand) -> None:
        """Give a variable a new value."""
        given = kind_of(operand)
        if isinstance(operand, Value) and given not in (slot.kind, slot.kind.scalar):
            raise Fault(f"a variable is {slot.kind.name} by its first assignment, not {given.name}")
        value = self.as_kind(operand, slot.kind)
        self.line(f"store {self.typed(value)}, ptr {slot.text}, align 8")

    def typed(self, value: Value) -> str:
        """Return ``type name`` of a value."""
        return f"{self.llvm(value.kind)} {value.text}"

    def block(self, label: str) -> None:
        """Begin a block; the one before falls through to it."""
        self.jump(label)
        self.lines.append(f"{label}:")
        self.label = label
        self.open = True

    def jump(self, label: str) -> None:
        """End the block with a jump."""
        self.line(f"br label %{label}")
        self.open = False

    def branch(self, condition: Value, yes: str, no: str) -> None:
        """End the block with a conditional jump."""
        self.line(f"br i1 {condition.text}, label %{yes}, label %{no}")
        self.open = False

    def dead(self) -> None:
        """Mark what follows as unreachable, because the block has no predecessor."""
        self.line("unreachable")
        self.open = False

    def as_kind(self, operand: Operand, kind: Kind) -> Value:
        """Return ``operand`` as ``kind``: constants adapt, scalars fill every lane."""
        if isinstance(operand, Value):
            if operand.kind is kind:
                return operand
            if kind.is_vector and operand.kind is kind.scalar:
                return self._splat(operand, kind)
            raise Fault(f"a value of type {operand.kind.name} where {kind.name} is needed")
        if isinstance(operand, tuple) or kind.is_pointer:
            raise Fault(f"{operand!r} where {kind.name} is needed")
        fits = {Kind.F: (int, float), Kind.I: (int,), Kind.B: (bool,)}[kind.scalar]
        if not isinstance(operand, fits) or (isinstance(operand, bool) and kind.scalar != Kind.B):
            raise Fault(f"the constant {operand!r} where {kind.name} is needed")
        return Value(kind, literal(kind, operand))

    def _splat(self, value: Value, kind: Kind) -> Value:
        first = self.emit(
            kind, f"insertelement {self.llvm(kind)} poison, {self.typed(value)}, i64 0"
        )
        return self.emit(
            kind,
            f"shufflevector {self.typed(first)}, {self.llvm(kind)} poison, "
            f"<{self.lanes} x i32> zeroinitializer",
        )

    def as_value(self, operand: Operand) -> Value:
        """Return ``operand`` as a run-time value of its own type."""
        return self.as_kind(operand, kind_of(operand))

    def alike(self, *operands: Operand) -> list[Value]:
        """Return the operands brought to one type: the widest of them, by the language's rules."""
        kinds = [operand.kind for operand in operands if isinstance(operand, Value)]
        scalars = {kind.scalar for kind in kinds}
        if not kinds:
            scalars = {kind_of(operand) for operand in operands}
            scalars = {Kind.F} if scalars == {Kind.F, Kind.I} else scalars
        if len(scalars) != 1:
            names = " and ".join(kind_of(operand).name for operand in operands)
            raise Fault(f"{names} do not mix; convert one with to_float or to_int")
        common = scalars.pop()
        if any(kind.is_vector for kind in kinds):
            common = common.vector
        return [self.as_kind(operand, common) for operand in operands]


def kind_of(operand: Operand) -> Kind:
    """Return the type of an operand; a constant has its natural scalar type."""
    if isinstance(operand, Value):
        return operand.kind
    for python, kind in ((bool, Kind.B), (int, Kind.I), (float, Kind.F)):
        if isinstance(operand, python):
            return kind
    raise Fault(f"{operand!r} is not a number")
