"""What an iteration on a horizon takes and returns; all are pytrees of arrays."""

from __future__ import annotations

from typing import Any, NamedTuple, final


@final
class Setting(NamedTuple):
    """What changes from solve to solve.

    Args:
        t: Time of the first node.
        x: State at the first node (n,).
        q: Loose values of every scenario (S, nq).
        weights: Weights of the scenarios (S,), adding up to one.
        reference: Set points at every node (N + 1, nr).
        before: Inputs in force before the horizon (nu,).
        rho: Penalties of the rows at every node (nc,).
    """

    t: Any
    x: Any
    q: Any
    weights: Any
    reference: Any
    before: Any
    rho: Any


@final
class Guess(NamedTuple):
    """Where an iteration starts and what it returns.

    Args:
        z: Decisions, scaled (nz,).
        x: States at the nodes (S, N + 1, n).
        adjoint: Multipliers of the interval maps (S, N, n).
        multipliers: Multipliers of the rows at the nodes (S, N, nc).
    """

    z: Any
    x: Any
    adjoint: Any
    multipliers: Any


@final
class Judged(NamedTuple):
    """How an iteration went.

    Args:
        objective: Objective at the new decisions, without penalties.
        step: Largest change of a scaled decision that the quadratic programme asked for.
        decrease: Decrease of the penalty function that the step promised to first order.
        fraction: Fraction of it that was taken.
        gap: Largest gap between intervals, relative to the size of the state.
        excess: Largest violation of every kind of row (nc,), scaled.
        pressed: Whether a multiplier reached its penalty.
        iterations: Interior-point iterations.
        finite: Whether every number is finite.
    """

    objective: Any
    step: Any
    decrease: Any
    fraction: Any
    gap: Any
    excess: Any
    pressed: Any
    iterations: Any
    finite: Any
