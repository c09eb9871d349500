"""The one error that says why a function cannot become a scalar graph."""

from __future__ import annotations

from typing import Any

from catena.core.errors import BackendError

#: What to do about a traced index, the most common reason.
DECLARE_INSTEAD = (
    "declare event tables (doses, actions), forcing tables (forcing) and stimuli (stimuli) in the "
    "OdeSystem instead of indexing by time or state inside the right-hand side"
)


class KernelUnsupported(BackendError):
    """A function uses something the kernel cannot translate; the diffrax back end still can.

    Args:
        primitive: Name of the JAX primitive (or graph operation) met.
        source: ``file:line (function)`` of the user's code, empty when not known.
        why: What about it is not supported.
        fix: What to change so that the kernel can be used.
    """

    def __init__(
        self, primitive: str = "", source: str = "", *, why: str = "", fix: str = "", **parts: Any
    ) -> None:
        details = dict(parts.pop("details", None) or {})
        details.update(primitive=primitive, source=source)
        super().__init__(
            f"The kernel does not support {primitive!r}",
            where=source,
            why=why or f"{primitive!r} has no translation into scalar operations",
            fix=fix
            or 'write it with elementary operations, or choose the diffrax method "kvaerno5"',
            details=details,
            **parts,
        )
        self.primitive = primitive
        self.source = source
