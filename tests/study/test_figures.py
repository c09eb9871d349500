"""Figures put labels where their lines are and draw bars over names."""

from __future__ import annotations

import math

import pytest

from catena.study.figures import bars_figure, blank, place_labels


def test_labels_follow_their_lines_on_logarithmic_axes() -> None:
    figure = blank("dose [mg]", "Cmax [ug/L]", log_x=True, log_y=True)
    figure.add_hrect(y0=31.0, y1=104.0, annotation_text="window")
    figure.add_vline(x=13.0, annotation_text="best")
    place_labels(figure)
    window, best = figure.layout.annotations
    assert window.y == pytest.approx(math.log10(104.0))
    assert best.x == pytest.approx(math.log10(13.0))
    linear = blank("dose [mg]", "share [%]")
    linear.add_hrect(y0=31.0, y1=104.0, annotation_text="window")
    place_labels(linear)
    assert linear.layout.annotations[0].y == 104.0


def test_bars_stand_on_names() -> None:
    figure = bars_figure(["logp", "peff"], {"rank": [0.6, -0.5]}, "influence")
    assert figure.layout.yaxis.type == "category"
    assert list(figure.data[0].y) == ["peff", "logp"]
