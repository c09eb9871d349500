"""State events inside a JAX trace: found at step ends, located on dense output, landed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from catena.numerics.ode.actions import acted, consistent, masses
from catena.numerics.ode.backend import DONE, ENDED, STORM
from catena.numerics.ode.flat import Flat

#: A crossing is located to this share of the step it lies in.
WIDTH = 1e-10
#: So many crossings, each closer to the one before than ``CLOSE`` relative, are a storm.
MOST, CLOSE = 100, 1e-9


class Watch(NamedTuple):
    """What the loop carries along: signs, and the crossing it is about to land on."""

    above: Any  # entry counts as > 0 (nc,)
    fired: Any  # entries found to cross (nc,)
    landing: Any  # where; inf if nowhere
    due: Any  # the last step ended there
    latest: Any  # time of the latest crossing
    crowd: Any  # how many have followed one another closely


@final
@dataclass(frozen=True)
class Crossings:
    """The crossing functions of one row."""

    flat: Flat
    p: Any

    @classmethod
    def of(cls, flat: Flat, p: Any) -> Crossings | None:
        """Return the crossings of a system, None when it declares none."""
        return None if flat.crossings is None else cls(flat, p)

    def values(self, t: Any, y: Any, s: Any) -> Any:
        """Return the crossing functions (nc,)."""
        assert self.flat.crossings is not None
        return self.flat.crossings(t, y, self.p, s)

    def begin(self, t: Any, y: Any, s: Any) -> Watch:
        """Start watching: what is above zero at the start has not crossed."""
        above = lax.stop_gradient(self.values(t, y, s)) > 0
        never = jnp.asarray(-jnp.inf)
        return Watch(above, jnp.zeros_like(above), jnp.asarray(jnp.inf), jnp.asarray(False),
                     never, jnp.asarray(0))  # fmt: skip

    def look(
        self, watch: Watch, inside: Any, t: Any, t1: Any, y1: Any, s: Any, keep: Any
    ) -> tuple[Watch, Any]:
        """Look for crossings in an acceptable step.

        Returns:
            What to watch next, and whether the step must be taken again, shorter.
        """
        t, t1, y1, inside = lax.stop_gradient((t, t1, y1, inside))
        above = self.values(t1, y1, s) > 0
        lands = keep & (t1 == watch.landing)
        new = ~watch.above & above
        found = keep & ~lands & jnp.any(new)

        def refine(bracket: tuple[Any, Any]) -> tuple[Any, Any]:
            low, high = bracket
            middle = 0.5 * (low + high)
            over = jnp.any(new & (self.values(middle, inside.evaluate(middle), s) > 0))
            return jnp.where(over, low, middle), jnp.where(over, middle, high)

        def wide(bracket: tuple[Any, Any]) -> Any:
            low, high = bracket
            resolution = 4 * jnp.finfo(float).eps * jnp.abs(high)
            return found & (high - low > jnp.maximum(WIDTH * (t1 - t), resolution))

        _, high = lax.while_loop(wide, refine, (t, t1))
        there = inside.evaluate(high)
        fired = new & ((self.values(high, there, s) > 0) | (high >= t1))
        at_end = found & (high >= t1)
        passed = jnp.where(keep & ~found, above, watch.above)
        return watch._replace(
            above=jnp.where(lands, watch.above, passed),
            fired=jnp.where(found, fired, watch.fired),
            landing=jnp.where(found, high, watch.landing),
            due=lands | at_end,
        ), found & ~at_end

    def after_stop(self, watch: Watch, t: Any, y: Any, s: Any) -> Watch:
        """See whether a slot's action has made something cross."""
        above = lax.stop_gradient(self.values(t, y, s)) > 0
        new = ~watch.above & above
        # What was about to be landed on lies in a future that will not come.
        return watch._replace(
            above=watch.above & above, fired=new, due=jnp.any(new),
            landing=jnp.where(jnp.any(new), lax.stop_gradient(t), jnp.inf),
        )  # fmt: skip

    def cross(self, watch: Watch, t: Any, y: Any, s: Any) -> tuple[Any, Any, Any, Watch]:
        """Apply what the fired entries bring about, in their order.

        Returns:
            Time and state after it, a code (0 to go on) and what to watch next.
        """
        before = lax.stop_gradient(self.values(t, y, s))
        t, y = self._moved(watch, t, y, s)
        ends = jnp.asarray(False)
        for entry, number in enumerate(self.flat.on_crossing):
            if number < 0:
                ends |= watch.fired[entry]
            elif number > 0:
                now = jnp.where(watch.fired[entry], number, 0)
                y = acted(self.flat, now, t, y, self.p, s, jnp.asarray(0.0))
        after = lax.stop_gradient(self.values(t, y, s))
        # An entry whose action does not move it has crossed, whatever rounding says.
        crossed = watch.above | watch.fired
        above = jnp.where(after == before, crossed, crossed & (after > 0))
        fired = (after != before) & (after > 0) & ~crossed
        close = jnp.abs(t - watch.latest) <= CLOSE * jnp.maximum(jnp.abs(t), 1e-30)
        crowd = jnp.where(close, watch.crowd + 1, 0)
        due = jnp.any(fired) & ~ends
        still = lax.stop_gradient(t)
        code = jnp.where(crowd > MOST, float(STORM), float(DONE))
        code = jnp.where(ends, float(ENDED), code)
        landing = jnp.where(due, still, jnp.inf)
        return t, y, code, Watch(above, fired, landing, due, still, crowd)

    def _moved(self, watch: Watch, t: Any, y: Any, s: Any) -> tuple[Any, Any]:
        """Let the moment of the crossing carry its derivative; values stay as they are."""
        g = self.values(t, y, s)
        flow = self.flat.rhs(t, y, self.p, s)
        weight = masses(self.flat)
        # Algebraic states follow from the others below.
        flow = jnp.where(weight != 0, flow / np.where(weight != 0, weight, 1.0), 0.0)
        _, speed = jax.jvp(lambda t, y: self.values(t, y, s), (t, y), (jnp.ones_like(t), flow))
        entry = jnp.argmax(watch.fired)
        rate = lax.stop_gradient(speed[entry])
        moves = (rate > 0) & jnp.isfinite(rate)
        shift = -(g[entry] - lax.stop_gradient(g[entry])) / jnp.where(moves, rate, 1.0)
        shift = jnp.where(moves, shift, 0.0)
        t, y = t + shift, y + lax.stop_gradient(flow) * shift
        return t, consistent(self.flat, t, y, self.p, s)
