"""Libraries that some methods need and a small installation may lack."""

from __future__ import annotations

from importlib.util import find_spec

from catena.core.errors import BackendError


def require(package: str, purpose: str) -> None:
    """Make sure a library is installed.

    Args:
        package: Its import name.
        purpose: What needs it.

    Raises:
        BackendError: it is not installed.
    """
    if find_spec(package) is None:
        raise BackendError(f"{package} is not installed", where="optimise", why=f"{purpose} needs it",
                           fix='pip install "catena[ai]"')  # fmt: skip
