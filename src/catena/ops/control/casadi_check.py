"""The same optimal control problem, solved by CasADi and IPOPT: the cross-check.

The functions of the problem are traced to scalar operations and written as CasADi expressions, so
both solvers see the same discretised problem. J. A. E. Andersson et al., Math. Program. Comput. 11
(2019) 1, doi:10.1007/s12532-018-0139-4; A. Waechter and L. T. Biegler, Math. Program. 106 (2006) 25,
doi:10.1007/s10107-004-0559-y.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from catena.core.errors import BackendError, SolverError
from catena.numerics.horizon.records import Setting
from catena.ops.control.stating import Problem

#: CasADi functions whose names differ from ours; the others are called alike.
_NAMED = {"max": "fmax", "min": "fmin", "abs": "fabs", "rem": "fmod"}


@final
class Ipopt:
    """A control problem transcribed once for IPOPT (multiple shooting, all scenarios).

    Args:
        problem: The problem; all its limits are taken as hard.

    Raises:
        BackendError: CasADi is not installed.
    """

    def __init__(self, problem: Problem) -> None:
        try:
            import casadi
        except ImportError:
            raise BackendError("CasADi is not installed", where="IPOPT cross-check",
                               why="the cross-check needs it",
                               fix='pip install "catena[control]"') from None  # fmt: skip
        self.problem, self.casadi = problem, casadi
        shape = problem.horizon
        n, nu, nq = shape.scale.size, len(shape.low), problem.scenarios.shape[1]
        nr = len(problem.tracked)
        one = [(), (n,), (nu,), (nq,)]
        self.flow = self._function(lambda t, x, u, q: shape.flow(t, x, u, q), one, "flow")
        self.stage = self._function(shape.stage, [*one, (nr,)], "stage")
        self.end = self._function(shape.end, [(), (n,), (nq,), (nr,)], "end")
        self.rows = self._function(shape.rows, [*one, (nr,)], "rows")
        self._solver = self._build()

    def _function(
        self, function: Callable[..., Any], shapes: list[tuple[int, ...]], name: str
    ) -> Any:
        """Return a CasADi function equal to a JAX function."""
        from catena.numerics.ode.kernel.graph import Graph, order
        from catena.numerics.ode.kernel.primitives import lower, trace

        ca, graph = self.casadi, Graph()
        sizes = [int(np.prod(shape)) for shape in shapes]
        arguments = [graph.inputs(f"a{k}", size).reshape(shape)
                     for k, (shape, size) in enumerate(zip(shapes, sizes, strict=True))]  # fmt: skip
        results = lower(trace(function, *shapes), graph, arguments)
        symbols = [ca.SX.sym(f"a{k}", size) for k, size in enumerate(sizes)]
        nodes: dict[int, Any] = {}
        wanted = [int(node) for node in np.ravel(results[0])]
        for node in order(graph, wanted):
            op = graph.ops[node]
            if op == "const":
                nodes[node] = ca.SX(graph.values[node])
            elif op == "input":
                group, index = graph.slots[node]
                nodes[node] = symbols[int(group[1:])][index]
            else:
                nodes[node] = self._applied(op, [nodes[a] for a in graph.args[node]])
        return ca.Function(name, symbols, [ca.vertcat(*(nodes[node] for node in wanted))])

    def _applied(self, op: str, args: list[Any]) -> Any:
        ca = self.casadi
        direct: dict[str, Callable[..., Any]] = {
            "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
            "div": lambda a, b: a / b, "pow": lambda a, b: a**b, "neg": lambda a: -a,
            "select": ca.if_else, "lt": ca.lt, "le": ca.le, "gt": ca.gt, "ge": ca.ge,
            "eq": ca.eq, "ne": ca.ne, "and": ca.logic_and, "or": ca.logic_or, "not": ca.logic_not,
            "true": lambda: ca.SX(1), "false": lambda: ca.SX(0),
        }  # fmt: skip
        known = direct.get(op) or getattr(ca, _NAMED.get(op, op))
        return known(*args)

    def _build(self) -> Any:
        ca, problem = self.casadi, self.problem
        shape = problem.horizon
        scenarios, count, nu, nz = shape.maps.shape
        n, nr, nq = shape.scale.size, len(problem.tracked), problem.scenarios.shape[1]
        z = ca.MX.sym("z", nz)
        states = [[ca.MX.sym(f"x{s}_{k}", n) for k in range(count)] for s in range(scenarios)]
        t0, x0, before = ca.MX.sym("t"), ca.MX.sym("x0", n), ca.MX.sym("before", nu)
        refs, loose = ca.MX.sym("r", nr, count + 1), ca.MX.sym("q", nq, scenarios)
        cost: Any = 0
        gaps, rows = [], []
        for s in range(scenarios):
            x, last = x0, before
            for k in range(count):
                u = ca.DM(shape.low) + ca.DM(shape.span) * (ca.DM(shape.maps[s, k]) @ z)
                t, weight = t0 + k * shape.width, float(problem.weights[s])
                moved = (u - last) / ca.DM(shape.span)
                for place in np.flatnonzero(np.isfinite(shape.moves)):
                    most = float(shape.moves[place] / shape.span[place])
                    rows += [moved[int(place)] - most, -moved[int(place)] - most]
                cost += weight * (self.stage(t, x, u, loose[:, s], refs[:, k])
                                  + ca.sum1(ca.DM(shape.move_weights) * moved**2))  # fmt: skip
                gaps.append(self.flow(t, x, u, loose[:, s]) - states[s][k])
                x, last = states[s][k], u
                rows.append(self.rows(t + shape.width, x, u, loose[:, s], refs[:, k + 1]))
            cost += float(problem.weights[s]) * self.end(
                t0 + count * shape.width, x, loose[:, s], refs[:, count]
            )
        constraints = ca.vertcat(*gaps, *rows)
        self._gaps, self._total = scenarios * count * n, int(constraints.shape[0])
        flat = ca.vertcat(z, *(x for path in states for x in path))
        parameters = ca.vertcat(t0, x0, before, ca.vec(refs), ca.vec(loose))
        options = {"ipopt.print_level": 0, "print_time": False, "ipopt.sb": "yes",
                   "ipopt.tol": 1e-9, "ipopt.max_iter": 500}  # fmt: skip
        return ca.nlpsol("control", "ipopt", {"x": flat, "f": cost, "g": constraints, "p": parameters},
                         options)  # fmt: skip

    def solve(
        self, t: float, x: np.ndarray, before: np.ndarray, z: np.ndarray | None = None
    ) -> tuple[float, np.ndarray]:
        """Return objective and decisions of one horizon.

        Args:
            t: Time of the first node.
            x: Its state.
            before: Inputs in force before.
            z: Decisions to start from; the inputs before, held, when left out.

        Raises:
            SolverError: IPOPT does not converge.
        """
        problem, shape = self.problem, self.problem.horizon
        scenarios, count = shape.maps.shape[:2]
        if z is None:
            flat = shape.maps.reshape(-1, shape.maps.shape[-1])
            z = np.linalg.pinv(flat) @ np.tile((before - shape.low) / shape.span, scenarios * count)
        setting = Setting(t, x, problem.scenarios, problem.weights, problem.reference(t), before,
                          np.zeros(len(problem.limits)))  # fmt: skip
        path = np.asarray(shape.assess(setting, z)[2])[:, 1:]
        first = np.concatenate([z, path.ravel()])
        free = np.full(path.size, np.inf)
        lower = np.full(self._total, -np.inf)
        lower[: self._gaps] = 0.0
        values = np.concatenate(
            [[t], x, before, setting.reference.ravel(), problem.scenarios.ravel()]
        )
        found = self._solver(x0=first, p=values, lbg=lower, ubg=np.zeros(self._total),
                             lbx=np.concatenate([np.zeros(z.size), -free]),
                             ubx=np.concatenate([np.ones(z.size), free]))  # fmt: skip
        status = self._solver.stats()
        if not status["success"]:
            raise SolverError("IPOPT did not converge", where="IPOPT cross-check",
                              why=str(status["return_status"]), fix="start elsewhere")  # fmt: skip
        return float(found["f"]), found["x"].full().ravel()[: z.size]
