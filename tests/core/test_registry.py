"""Finding models: by id, by words, from plug-ins that work and from plug-ins that do not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catena.core import index, registry
from catena.core.errors import ModelNotFound, PluginError
from catena.core.model import Model

Install = Callable[[str, dict[str, str], dict[str, str]], Path]

GROWTH = '''
import numpy as np
import catena

@catena.model(id="my.growth", inputs="mu [1/h] in 0..2 = 0.3, x0 [g/L] > 0", outputs="x [g/L]",
              title="Exponential growth", tags=("fermenter",))
def growth(mu, x0):
    """Biomass after one hour."""
    return {"x": x0 * np.exp(mu)}

def late():
    return growth
'''


def test_every_registered_model_has_the_shape_of_an_id_and_a_target() -> None:
    assert registry.own_targets(), "no models are registered"
    for model_id, target in registry.own_targets().items():
        assert "." in model_id
        assert target.startswith("catena.")
        assert ":" in target


def test_the_committed_index_equals_a_fresh_one() -> None:
    fresh = index.dump(index.build())
    committed = registry.INDEX.read_text(encoding="utf-8")
    assert committed == fresh, f"the index is stale; regenerate it with: {index.REGENERATE}"


def test_own_models_load_by_id_once() -> None:
    first = next(iter(registry.own_targets()))
    model = registry.load(first)
    assert isinstance(model, Model)
    assert model.info.id == first
    assert registry.load(first) is model
    assert registry.load(model) is model


def test_unknown_id_proposes_the_nearest() -> None:
    first = next(iter(registry.own_targets()))
    with pytest.raises(ModelNotFound, match="did you mean") as caught:
        registry.load(first + "x")
    assert first in caught.value.fix
    with pytest.raises(ModelNotFound):
        registry.entry("no.such")
    with pytest.raises(ModelNotFound):
        registry.load(["a"])  # type: ignore[arg-type]


def test_plugin_is_listed_found_and_loaded(install_plugin: Install) -> None:
    install_plugin("growing", {"my.growth": "growing_a:late"}, {"growing_a.py": GROWTH})
    entry = registry.entry("my.growth")
    assert (entry.title, entry.version, entry.inputs) == (
        "Exponential growth",
        "0.1.0",
        ("mu", "x0"),
    )
    assert entry.source.distribution == "growing"
    assert "my.growth" in registry.models().ids
    assert registry.models("fermenter").ids == ("my.growth",)
    assert registry.models("exponential x0").ids == ("my.growth",)
    assert registry.models("fermenter nonsense").ids == ()
    assert entry.load().predict(mu=0.0, x0=2.0)["x"][0] == 2.0
    assert "my.growth" in repr(registry.models("growth"))
    assert "<td>my.growth</td>" in registry.models("growth")._repr_html_()


def test_plugin_with_an_index_is_listed_without_being_imported(install_plugin: Install) -> None:
    card = {
        "id": "my.indexed",
        "title": "Never imported",
        "version": "2.0",
        "inputs": [{"name": "a"}],
    }
    files = {
        "indexed_pkg/__init__.py": "raise RuntimeError('imported')",
        "indexed_pkg/catena.index.json": json.dumps({"format": 1, "models": {"my.indexed": card}}),
    }
    install_plugin("indexed", {"my.indexed": "indexed_pkg.deep:model"}, files)
    entry = registry.entry("my.indexed")
    assert (entry.title, entry.inputs) == ("Never imported", ("a",))
    assert "indexed_pkg" not in sys.modules
    with pytest.raises(PluginError, match="Cannot import"):
        entry.load()


@pytest.mark.parametrize(
    ("target", "code", "why"),
    [
        ("absent_module:m", "", "ModuleNotFoundError"),
        ("broken_a:m", "import no_such_library_here", "no_such_library_here"),
        ("broken_b:m", "raise SystemExit(3)", "SystemExit"),
        ("broken_c:nothing", "m = 1", "nothing"),
        ("broken_d:m", "m = 1", "holds a int"),
        ("broken_e:m", "def m(): raise ValueError('late')", "late"),
        ("broken_f:growth", GROWTH, "calls itself 'my.growth'"),
    ],
)
def test_broken_plugins_are_listed_apart_and_break_nothing(
    install_plugin: Install, target: str, code: str, why: str
) -> None:
    install_plugin(
        "breaking", {"my.broken": target}, {f"{target.partition(':')[0]}.py": code} if code else {}
    )
    before = set(registry.own_targets())
    assert before <= set(registry.models().ids)
    assert "my.broken" not in registry.models().ids
    (entry,) = registry.broken()
    assert entry.id == "my.broken"
    assert entry.error is not None
    assert why in entry.error.why
    assert entry.to_dict()["error"]["type"] == "PluginError"
    with pytest.raises(PluginError):
        registry.load("my.broken")
    with pytest.raises(PluginError):
        registry.entry("my.broken")


def test_a_damaged_plugin_index_is_named(install_plugin: Install) -> None:
    files = {"damaged_pkg/__init__.py": GROWTH, "damaged_pkg/catena.index.json": "{"}
    install_plugin("damaged", {"my.growth": "damaged_pkg:growth"}, files)
    (entry,) = registry.broken()
    assert entry.error is not None
    assert "catena.index.json" in entry.error.where


def test_a_plugin_cannot_take_over_an_id(install_plugin: Install) -> None:
    first, target = next(iter(registry.own_targets().items()))
    install_plugin("thief", {first: "thief_a:growth"}, {"thief_a.py": GROWTH})
    assert registry.sources()[first].target == target
    (entry,) = registry.broken()
    assert entry.error is not None
    assert "already registers it" in entry.error.why


def test_load_target_takes_a_path_inside_a_module(install_plugin: Install) -> None:
    code = GROWTH + "\nclass Shelf:\n    inner = growth\n"
    install_plugin("pathed", {}, {"pathed_a.py": code})
    assert registry.load_target("pathed_a:Shelf.inner").info.id == "my.growth"


def test_grades_follow_the_evidence() -> None:
    source = registry.Source("my.x", "m:x", "d")
    claim = {"holds": True, "dataset": "a.csv", "peer": 1.0}

    def grade(*claims: dict[str, Any]) -> str:
        return registry.ModelEntry(source, {"validation": claims}).grade

    assert grade(claim) == "A"
    assert grade({**claim, "peer": None}) == "B"
    assert grade({**claim, "dataset": None}) == "C"
    assert grade({**claim, "holds": False}) == ""
    assert grade() == ""


def test_starting_imports_nothing_heavy() -> None:
    code = (
        "import sys, catena\n"
        "early = [m for m in ('numpy', 'pydantic', 'jax', 'rich') if m in sys.modules]\n"
        "catena.models('a')\n"
        "late = [m for m in ('jax', 'pandas', 'pint', 'scipy', 'torch') if m in sys.modules]\n"
        "print(early, late)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


def test_an_installed_catena_reads_its_own_entry_points(
    install_plugin: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # No pyproject.toml lies two folders above: this is no source checkout.
    monkeypatch.setattr(registry, "INDEX", tmp_path / "a" / "b" / "models.index.json")
    install_plugin("catena", {"my.growth": "growing_b:growth"}, {"growing_b.py": GROWTH})
    assert registry.own_targets() == {"my.growth": "growing_b:growth"}
    assert registry.entry("my.growth").title == "Exponential growth"


def test_figures_of_an_index_are_refreshed_without_importing(tmp_path: Path) -> None:
    copy = tmp_path / "models.index.json"
    data = json.loads(registry.INDEX.read_text(encoding="utf-8"))
    for card in data["models"].values():
        card["validation"] = []
    copy.write_text(json.dumps(data))
    index.refresh_figures(copy)
    fresh = json.loads(copy.read_text(encoding="utf-8"))["models"]
    assert any(card["validation"] for card in fresh.values())
    assert index.write(tmp_path / "empty.json", []).read_text().startswith('{\n "format": 1')
    assert index.claims_path("no_such_module_here") is None
