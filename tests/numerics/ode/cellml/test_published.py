from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from catena.numerics.ode import SolverSettings
from catena.numerics.ode.cellml import load_cellml
from catena.numerics.ode.system import OdeSystem

pytestmark = pytest.mark.data

#: File, number of states and membrane potential of each cell model.
MODELS = {
    "ohara_rudy_cipa_v1_2017": (48, "membrane.v"),
    "ohara_rudy_2011_endo": (41, "membrane.v"),
    "ToRORd_dynCl_endo": (45, "membrane.v"),
    "grandi_pasqualini_bers_2010_ss_endo": (39, "membrane_potential.V_m"),
}


def path_of(data_dir: Path, name: str) -> Path:
    return data_dir / "body" / "cardiac" / f"{name}.cellml.xz"


def rates(system: OdeSystem) -> tuple[dict[str, str], jax.Array, object]:
    """Full names by field name, the start, and the right-hand side on vectors."""
    paths = {field.name: field.doc.split()[0] for field in system.states}
    p = {field.name: field.default for field in system.parameters}
    p |= dict(system.derive(p)) if system.derive else {}

    def rhs(vector: jax.Array) -> jax.Array:
        found = system.rhs(0.0, dict(zip(paths, vector, strict=True)), p, {})
        return jnp.stack([found[name] for name in paths])

    return paths, jnp.array([field.default for field in system.states]), rhs


@pytest.mark.parametrize("name", MODELS)
def test_derivatives_agree_with_myokit(data_dir: Path, tmp_path: Path, name: str) -> None:
    myokit = pytest.importorskip("myokit")
    import lzma

    packed = path_of(data_dir, name)
    plain = tmp_path / "model.cellml"
    plain.write_bytes(lzma.decompress(packed.read_bytes()))
    peer = myokit.formats.importer("cellml").model(str(plain))
    expected = dict(
        zip((v.qname() for v in peer.states()), peer.evaluate_derivatives(ignore_errors=True),
            strict=True)
    )  # fmt: skip
    paths, start, rhs = rates(load_cellml(packed))
    assert len(paths) == MODELS[name][0]
    ours = dict(zip(paths.values(), np.asarray(rhs(start)), strict=True))  # type: ignore[operator]
    for path, value in expected.items():
        assert ours[path] == pytest.approx(value, rel=1e-9, abs=1e-18), path


@pytest.mark.parametrize("name", MODELS)
def test_rates_and_slopes_are_finite_where_currents_reverse(data_dir: Path, name: str) -> None:
    paths, start, rhs = rates(load_cellml(path_of(data_dir, name)))
    index = list(paths.values()).index(MODELS[name][1])
    ones = jnp.ones_like(start)
    at = jnp.stack([start.at[index].set(v) for v in (float(start[index]), 0.0, -5.0, -40.0)])
    # Along ones everywhere, an entry of the Jacobian that is not finite leaves a trace.
    rate, slope = jax.vmap(lambda y: jax.jvp(rhs, (y,), (ones,)))(at)  # type: ignore[arg-type]
    assert np.isfinite(np.asarray(rate)).all()
    assert np.isfinite(np.asarray(slope)).all()


@pytest.mark.parametrize("name", ["ToRORd_dynCl_endo", "grandi_pasqualini_bers_2010_ss_endo"])
def test_ten_paced_beats_give_an_action_potential_of_usual_length(
    data_dir: Path, name: str
) -> None:
    potential = MODELS[name][1]
    component = potential.split(".")[0]
    current, parts = {
        "membrane": ("Istim", ("i_Stim_Start", "i_Stim_Period", "i_Stim_PulseDuration",
                               "i_Stim_Amplitude")),
        "membrane_potential": ("i_Stim", ("stim_start", "stim_period", "stim_duration",
                                          "stim_amplitude")),
    }[component]  # fmt: skip
    keys = ("start", "period", "duration", "amplitude")
    pulse = {key: f"{component}.{part}" for key, part in zip(keys, parts, strict=True)}
    system = load_cellml(
        path_of(data_dir, name), outputs=[potential], stimulus={f"{component}.{current}": pulse},
        settings=SolverSettings(rtol=1e-4, atol=1e-7),
    )  # fmt: skip
    times = 9000.0 + np.arange(0.0, 1000.0)
    result = system.predict({"time": times})
    v = np.asarray(result[system.outputs.names[0]])[0]
    peak, rest = int(np.argmax(v)), float(v[-1])
    upstroke = int(np.argmax(np.diff(v[: peak + 1])))
    end = peak + int(np.argmax(v[peak:] < v[peak] - 0.9 * (v[peak] - rest)))
    assert 200.0 <= times[end] - times[upstroke] <= 320.0
    assert v[peak] > 20.0
    assert rest < -75.0
