"""The study schema: strict, with places and proposals; nothing foreign escapes on any input."""

from __future__ import annotations

import random
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catena.core.errors import CatenaError, StudyError
from catena.study import Study, load_study, plan

GOOD: dict[str, dict[str, Any]] = {
    "predict": {
        "study": "predict",
        "name": "lines",
        "model": "toy.line",
        "inputs": {"x": [1, 2, 3]},
    },
    "population": {
        "study": "population",
        "name": "crowd",
        "model": "toy.oral",
        "settings": {"people": 5, "vary": {"logp": "normal(3, 0.2)"}},
        "seed": 3,
    },
    "dose_finding": {
        "study": "dose_finding",
        "name": "dose",
        "model": "toy.oral",
        "data": {"compound": "midazolam"},
        "inputs": {"time": "0:24:1 h"},
        "settings": {
            "people": 6,
            "doses": [2, 5],
            "ports": {
                "concentration": "plasma",
                "auc": "auc_inf",
                "cmax": "cmax",
                "tmax": "tmax",
                "further": [],
            },
            "window": {
                "metric": "cmax",
                "low": "0.03 mg/L",
                "high": "0.1 mg/L",
                "source": "a test",
            },
        },
        "uncertainty": {"draws": 3, "people": 4, "over": ["fu_plasma"]},
        "budget": {"minutes": 5.0},
        "context_of_use": {"question": "which dose?", "influence": "low", "consequence": "low"},
    },
}


@pytest.mark.parametrize("name", GOOD)
def test_a_study_survives_its_own_yaml(name: str) -> None:
    study = load_study(GOOD[name])
    again = load_study(yaml.safe_dump(study.to_dict()))
    assert again.to_dict() == study.to_dict()
    assert again.settings == study.settings


def test_a_file_knows_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(GOOD["predict"]), encoding="utf-8")
    assert load_study(path).folder == tmp_path
    assert load_study(str(path)).name == "lines"


@pytest.mark.parametrize(
    ("change", "why", "fix"),
    [
        ({"modle": "x"}, "unknown key 'modle'", "did you mean model"),
        ({"settings": {"chunkk": 2}}, "unknown key 'chunkk'", "did you mean chunk"),
        ({"budget": {"minute": 2}}, "unknown key 'minute'", "did you mean minutes"),
        ({"data": {"fil": "x"}}, "unknown key 'fil'", "did you mean file"),
        ({"study": "predikt"}, "should be", "did you mean predict"),
        ({"study": 7}, "should be", "use one of"),
        ({"seed": "1"}, "valid integer", "correct"),
        ({"seed": -1}, "greater than", "correct"),
        ({"seed": True}, "valid integer", "correct"),
        ({"name": "../up"}, "other signs", "rename"),
        ({"name": ""}, "other signs", "rename"),
        ({"chain": "x"}, "either model or chain", "correct"),
        ({"model": None}, "either model or chain", "correct"),
        ({"inputs": {"x": float("nan")}}, "finite number", "correct"),
        ({"inputs": [1]}, "valid dictionary", "correct"),
        ({"settings": [1]}, "a mapping is expected", "write keys"),
        ({"folder": "/tmp"}, "folder", "leave it out"),
        (
            {"context_of_use": {"question": "q", "influence": "hi", "consequence": "low"}},
            "should be",
            "high",
        ),
        (
            {"context_of_use": {"question": "q", "influence": "low"}},
            "'consequence' is missing",
            "add it",
        ),
        ({"budget": {"failed_share": 2}}, "less than", "correct"),
    ],
)
def test_faults_say_why_and_what_to_do(change: dict[str, Any], why: str, fix: str) -> None:
    with pytest.raises(StudyError) as caught:
        load_study({**GOOD["predict"], **change})
    assert why in caught.value.why
    assert fix in caught.value.fix


def test_all_faults_come_together_with_their_lines() -> None:
    text = "study: predict\nname: x\nmodle: y\nseed: soon\nsettings:\n  chunkk: 3\n"
    with pytest.raises(StudyError) as caught:
        load_study(text)
    error = caught.value
    assert error.where == "study text:3, modle"
    places = [fault["where"] for fault in error.details["faults"]]
    assert places == ["study text:3, modle", "study text:4, seed", "study text:6, settings.chunkk"]


def test_settings_are_only_checked_by_the_loader() -> None:
    with pytest.raises(ValueError, match="load_study"):
        Study(study="predict", name="x", model="y", settings={"chunk": 2})


@pytest.mark.parametrize(
    "source", [None, 3, b"study: predict\n", ["study"], object(), "a\x00b.yaml", Path("no.yaml")]
)
def test_sources_of_the_wrong_kind(source: Any) -> None:
    with pytest.raises(StudyError):
        load_study(source)


# Nothing foreign escapes -------------------------------------------------------------------

_HOSTILE: list[Any] = [
    None, True, -1, 0, 10**400, 1e308, float("inf"), float("nan"), "", " ", "\x00", "é" * 300, "a: b",
    "normal(1", "lognormal(2, -3)", "1..0 kg*", "100 foo", "../../etc", "{{7*7}}", "%s%n", [], {}, [[]],
    {"": {}}, [None], {"a": [1, {"b": "2 mg"}]}, "x" * 5000, "NaN", ".inf", object(), {1, 2}, 3j, b"bytes",
    ("t",), {3: 4}, "body.pbpk", "toy.line", lambda: 1,
]  # fmt: skip
_KEYS = [
    "study", "name", "model", "chain", "data", "inputs", "settings", "seed", "budget", "outputs",
    "context_of_use", "uncertainty", "people", "filters", "vary", "doses", "window", "ports", "chunk",
    "compound", "file", "columns", "draws", "over", "minutes", "question", "x", "time", "", "self", "mro",
]  # fmt: skip


def _mutated(seed: int) -> Any:
    """Return a good study with a few parts replaced, removed or added at random places."""
    chance = random.Random(seed)
    study = yaml.safe_load(yaml.safe_dump(GOOD[chance.choice(list(GOOD))]))
    for _ in range(chance.randint(1, 4)):
        place = study
        while True:
            inner = [v for v in place.values() if isinstance(v, dict)]
            if not inner or chance.random() < 0.5:
                break
            place = chance.choice(inner)
        key = chance.choice([*map(str, place), *_KEYS])
        if chance.random() < 0.2:
            place.pop(key, None)
        else:
            place[key] = chance.choice(_HOSTILE)
    return study


def _garbled(seed: int) -> str:
    """Return the YAML of a good study with characters and lines changed at random."""
    chance = random.Random(seed)
    text = yaml.safe_dump(GOOD[chance.choice(list(GOOD))], sort_keys=False)
    signs = string.printable + "é—\u2028\x85&*!%@`|>?"
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(text) or 1)
        cut = at + chance.choice([0, 0, 1, 5])
        text = (
            text[:at]
            + "".join(chance.choice(signs) for _ in range(chance.randint(0, 3)))
            + text[cut:]
        )
    return text + "\n"


def _harmless(source: Any) -> None:
    try:
        plan(source)
    except CatenaError as error:
        assert error.what
        assert str(error)


@pytest.mark.parametrize("block", range(10))
def test_nothing_foreign_escapes_from_mutated_and_garbled_studies(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        _harmless(_mutated(seed))
        _harmless(_garbled(seed))


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=400).map(lambda text: text + "\n"))
def test_nothing_foreign_escapes_from_any_text(text: str) -> None:
    _harmless(text)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(_KEYS), _values, max_size=8), st.sampled_from(list(GOOD)))
def test_nothing_foreign_escapes_from_any_mapping(parts: dict[str, Any], name: str) -> None:
    _harmless({**GOOD[name], **parts})
    _harmless(parts)
