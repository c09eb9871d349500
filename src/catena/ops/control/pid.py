"""PID control, tuned on the Model: the classical baseline.

Ideal form with filtered derivative on the measurement, back-calculation against wind-up and
bumpless changes of set point and tuning (K. J. Astrom and T. Hagglund, Advanced PID Control (2006),
ISBN 9781556179426). Tuning minimises the integrated absolute error of a closed loop on the model,
subject to a largest sensitivity Ms of the linearised loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.ops.control.controller import Move
from catena.ops.control.stating import Problem, named

#: Largest sensitivity of a robust loop (Astrom and Hagglund 2006, chapter 4).
ROBUST = 1.7


@final
@dataclass(frozen=True)
class Tuning:
    """Gains of a PID controller.

    Args:
        gain: Proportional gain, input per output; its sign is that of the plant.
        integral: Integral time.
        derivative: Derivative time.
        filter: Filter time of the derivative as a share of ``derivative``.
    """

    gain: float
    integral: float
    derivative: float = 0.0
    filter: float = 0.1


@final
@dataclass
class Pid:
    """One loop: an input follows from the deviation of one measured value.

    Args:
        problem: Set points, input range and sampling come from it; other inputs are held.
        tuning: The gains.
        measured: What is controlled; the first tracked name by default.
        moved: The input; the first one by default.
    """

    problem: Problem
    tuning: Tuning
    measured: str = ""
    moved: str = ""
    _memory: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problem = self.problem
        self.measured = self.measured or (problem.tracked[0] if problem.tracked else "")
        self.moved = self.moved or problem.dynamics.inputs[0]
        if self.measured not in problem.tracked or self.moved not in problem.dynamics.inputs:
            raise InputError("A loop without ends", where="PID",
                             why=f"{self.moved!r} from {self.measured!r}",
                             fix="name a tracked value and a decided input")  # fmt: skip
        self._place = problem.dynamics.inputs.index(self.moved)
        self._track = problem.tracked.index(self.measured)

    def retune(self, tuning: Tuning) -> None:
        """Change the gains without a jump of the input."""
        if "input" in self._memory:
            error = self._memory["error"]
            self._memory["sum"] = self._memory["input"] - tuning.gain * error
        self.tuning = tuning

    def step(self, t: float, x: np.ndarray, q: np.ndarray | None = None) -> Move:
        """Return the inputs of the coming interval."""
        problem, tuning = self.problem, self.tuning
        shape, place = problem.horizon, self._place
        loose = problem.dynamics.nominal if q is None else q
        values = named(problem.dynamics, t, x, problem.before, loose)
        y, wanted = float(values[self.measured]), float(problem.reference(t)[0, self._track])
        error, width = wanted - y, problem.width
        memory = self._memory
        if not memory:  # start at the input in force
            memory.update(sum=float(problem.before[place]) - tuning.gain * error, y=y, slope=0.0)
        lag = tuning.filter * tuning.derivative
        share = lag / (lag + width)
        memory["slope"] = share * memory["slope"] + (1 - share) * (memory["y"] - y) / width
        memory["y"] = y
        wish = tuning.gain * (error + tuning.derivative * memory["slope"]) + memory["sum"]
        u = float(np.clip(wish, shape.low[place], shape.high[place]))
        # What the actuator could not give is taken out of the integral at once.
        memory["sum"] += tuning.gain * error * width / tuning.integral + (u - wish)
        memory.update(input=u, error=error)
        action = problem.before.copy()
        action[place] = u
        return Move(t, dict(zip(problem.dynamics.inputs, map(float, action), strict=True)), "solved",
                    "", action[None], np.asarray(x)[None], np.nan, 0.0, 0, 0.0)  # fmt: skip


def sensitivity(problem: Problem, tuning: Tuning, measured: str, moved: str) -> float:
    """Return Ms, the largest sensitivity of the sampled loop linearised at the start."""
    return _peak(_frequencies(*_linear(problem, measured, moved)), tuning, problem.width)


#: Points on the upper half of the unit circle at which a sampled loop is judged.
_CIRCLE = np.exp(1j * np.linspace(1e-3, np.pi, 400))


def _frequencies(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return the linear plant's response at the points of the circle."""
    return np.array([c @ np.linalg.solve(z * np.eye(len(a)) - a, b) for z in _CIRCLE])


def _peak(plant: np.ndarray, tuning: Tuning, width: float) -> float:
    """Return Ms of a tuning with a plant given by its frequency response."""
    z = _CIRCLE
    lag = tuning.filter * tuning.derivative
    share = lag / (lag + width)
    slope = (1 - share) * (1 - 1 / z) / width / (1 - share / z)
    control = tuning.gain * (1 + width / tuning.integral / (z - 1) + tuning.derivative * slope)
    return float(np.max(np.abs(1 / (1 + plant * control))))


def _linear(
    problem: Problem, measured: str, moved: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import jax

    dynamics, shape = problem.dynamics, problem.horizon
    place, q = dynamics.inputs.index(moved), dynamics.nominal
    x, u = problem.start, problem.before
    a = jax.jacfwd(lambda x: shape.flow(0.0, x, u, q))(x)
    b = jax.jacfwd(lambda u: shape.flow(0.0, x, u, q))(u)[:, place]
    c = jax.jacfwd(lambda x: named(dynamics, 0.0, x, u, q)[measured])(x)
    return np.asarray(a), np.asarray(b), np.asarray(c)


def tune(
    problem: Problem,
    *,
    measured: str = "",
    moved: str = "",
    duration: float | None = None,
    robust: float = ROBUST,
    candidates: int = 256,
    key: int = 0,
) -> tuple[Pid, dict[str, float]]:
    """Tune a PID loop on the model.

    Args:
        problem: Set points, ranges and sampling.
        measured: What is controlled; the first tracked name by default.
        moved: The input; the first one by default.
        duration: Length of the trial; five horizons by default.
        robust: Largest sensitivity Ms allowed.
        candidates: Tunings tried side by side before the best is refined.
        key: 64-bit seed.

    Returns:
        The controller, and its integrated absolute error and Ms.

    Raises:
        InputError: the input does not move the measured value, or no tuning is robust.
    """
    from scipy.optimize import minimize
    from scipy.stats.qmc import Sobol

    loop = Pid(problem, Tuning(1.0, 1.0), measured, moved)
    measured, moved, place = loop.measured, loop.moved, loop._place
    a, b, c = _linear(problem, measured, moved)
    plant = _frequencies(a, b, c)
    span = float(problem.horizon.span[place])
    length = duration or 5 * problem.horizon.count * problem.width
    size = float(np.max(np.abs(_response(a, b, c, round(length / problem.width)))))
    if not size * span > 1e-9:
        raise InputError(f"{moved!r} does not move {measured!r}", where="PID tuning",
                         why="the linearised plant has no gain", fix="name another input")  # fmt: skip
    sign = float(np.sign(_response(a, b, c, round(length / problem.width))[-1])) or 1.0
    errors = _trial(problem, loop, round(length / problem.width))

    def tuning(point: np.ndarray) -> Tuning:
        gain, integral, derivative = np.exp(point)
        return Tuning(sign * gain / size, integral * problem.width, derivative * problem.width)

    def score(points: np.ndarray) -> np.ndarray:
        tunings = [tuning(point) for point in points]
        rows = np.array([[t.gain, t.integral, t.derivative] for t in tunings])
        error = np.asarray(errors(rows))
        stiff = np.array([_peak(plant, t, problem.width) for t in tunings])
        excess = np.maximum(stiff - robust, 0.0)
        return np.asarray(np.where(np.isfinite(error), error, 1e6) * (1 + 10 * excess))

    low, high = np.log([0.02, 1.0, 0.01]), np.log([50.0, 200.0, 5.0])
    seed = split_key(key, "pid") % 2**31
    points = low + (high - low) * Sobol(3, seed=seed).random(candidates)
    best = points[int(np.argmin(score(points)))]
    refined = minimize(lambda p: float(score(p[None])[0]), best, method="Nelder-Mead",
                       options={"maxfev": 120, "xatol": 1e-2, "fatol": 1e-6})  # fmt: skip
    final = tuning(refined.x)
    ms = _peak(plant, final, problem.width)
    if ms > 1.05 * robust:
        raise InputError("No robust tuning", where="PID tuning", why=f"the best has Ms {ms:.2f}",
                         fix=f"allow more than {robust:g}, or sample faster")  # fmt: skip
    iae = float(np.asarray(errors(np.array([[final.gain, final.integral, final.derivative]])))[0])
    return replace(loop, tuning=final, _memory={}), {"iae": iae, "ms": ms}


def _response(a: np.ndarray, b: np.ndarray, c: np.ndarray, count: int) -> np.ndarray:
    x, out = np.zeros(len(a)), []
    for _ in range(max(count, 1)):
        x = a @ x + b
        out.append(float(c @ x))
    return np.array(out)


def _trial(problem: Problem, loop: Pid, count: int) -> Any:
    """Return a compiled ``(tunings (k, 3)) -> integrated absolute errors (k,)``."""
    import jax
    import jax.numpy as jnp

    from catena.numerics.horizon.stepping import compiled

    dynamics, shape, width = problem.dynamics, problem.horizon, problem.width
    times = width * np.arange(count)
    wanted = np.array([problem.reference(t)[0, loop._track] for t in times])
    place, q = loop._place, dynamics.nominal
    low, high = float(shape.low[place]), float(shape.high[place])
    rest = jnp.asarray(problem.before)

    def run(tuning: Any) -> Any:
        gain, integral, derivative = tuning
        lag = 0.1 * derivative
        share = lag / (lag + width)
        y0 = named(dynamics, 0.0, problem.start, rest, q)[loop.measured]
        first = (problem.start, rest[place] - gain * (wanted[0] - y0), y0, 0.0)

        def one(carry: Any, now: Any) -> tuple[Any, Any]:
            x, total, last, slope = carry
            t, goal = now
            y = named(dynamics, t, x, rest, q)[loop.measured]
            slope = share * slope + (1 - share) * (last - y) / width
            wish = gain * (goal - y + derivative * slope) + total
            u = jnp.clip(wish, low, high)
            total = total + gain * (goal - y) * width / integral + u - wish
            x = shape.flow(t, x, rest.at[place].set(u), q)
            return (x, total, y, slope), jnp.abs(goal - y)

        return width * jnp.sum(jax.lax.scan(one, first, (times, wanted))[1])

    return compiled(jax.vmap(run))
