"""The bar that long integrations show."""

from __future__ import annotations

import io
import sys

import pytest
from systems import one_compartment

from catena.core.runtime import showing
from catena.numerics.ode import SolverSettings, watching


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(rows: int) -> None:
    system = one_compartment(settings=SolverSettings(method="kernel", rtol=1e-13, atol=1e-15))
    system.predict(ka=[1.0] * rows, time=[24.0], events=[{"time": 0, "amt": 100, "cmt": "depot"}])


def test_a_long_call_shows_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(watching, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", screen)
    run(3_000)
    assert "integrating rows" in screen.getvalue()
    assert "/3000" in screen.getvalue()


def test_a_short_call_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    run(2)
    assert screen.getvalue() == ""


def test_one_bar_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(watching, "PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", screen)
    token = showing.set(True)
    try:
        run(3_000)
    finally:
        showing.reset(token)
    assert screen.getvalue() == ""


def test_nobody_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not watching.watched()
