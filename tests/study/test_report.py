"""The report: well-formed, self-contained, safe, and complete."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from catena.study import load_study, run

_VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Collects elements and sees that they nest."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which must be this one."""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect text by element."""
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def count(self, tag: str) -> int:
        """Count elements."""
        return sum(name == tag for name, _ in self.elements)


def parsed(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run whose texts try to break out of the page."""
    from study_toys import TOYS

    from catena.study import subject

    patch = pytest.MonkeyPatch()
    patch.setattr(subject, "load", lambda name: TOYS[name])
    given = {
        "study": "population",
        "name": "safe, (a) report",
        "model": "toy.oral",
        "settings": {"people": 20},
        "context_of_use": {
            "question": "</script><script>alert(1)</script> <b>&",
            "influence": "low",
            "consequence": "high",
        },
    }
    yield run(load_study(given), out=tmp_path_factory.mktemp("runs"))
    patch.undo()


def test_the_page_is_well_formed_with_one_plot_per_figure(outcome: Any) -> None:
    page = parsed(outcome.report)
    figures = outcome.answer.figures
    assert len(figures) >= 4
    assert page.count("figure") == page.count("figcaption") == len(figures)
    holders = [attrs for tag, attrs in page.elements if tag == "script" and attrs.get("data-plot")]
    assert len(holders) == len(figures)
    ids = {attrs.get("id") for _, attrs in page.elements}
    assert {holder["data-plot"] for holder in holders} <= ids
    assert page.count("table") == len(outcome.answer.grids)
    assert page.count("h1") == 1


def test_nothing_is_asked_from_outside(outcome: Any) -> None:
    page = parsed(outcome.report)
    for tag, attrs in page.elements:
        assert tag not in ("link", "iframe", "img", "base", "object", "embed")
        assert not attrs.get("src")
        assert not attrs.get("href")
    (policy,) = [attrs["content"] for tag, attrs in page.elements if attrs.get("http-equiv")]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "@import" not in outcome.report.read_text(encoding="utf-8")[:20_000]


def test_the_plotting_library_is_inside_once(outcome: Any) -> None:
    text = outcome.report.read_text(encoding="utf-8")
    assert len(re.findall(r"plotly\.js v\d", text)) == 1


def test_texts_cannot_become_code(outcome: Any) -> None:
    text = outcome.report.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "&lt;/script&gt;" in text


def test_figures_are_plotly_json_with_units_on_the_axes(outcome: Any) -> None:
    page = parsed(outcome.report)
    data = [json.loads(t) for t in page.texts["script"] if t.lstrip().startswith('{"data"')]
    assert len(data) == len(outcome.answer.figures)
    titles = [item["layout"]["xaxis"]["title"]["text"] for item in data]
    assert any("mg*h/L" in title for title in titles)
    stored = json.loads(
        (outcome.folder / "figures" / f"{outcome.answer.figures[0].name}.json").read_text(
            encoding="utf-8"
        )
    )
    assert stored["data"] == data[0]["data"]


def test_what_a_reader_needs_is_there(outcome: Any) -> None:
    text = outcome.report.read_text(encoding="utf-8")
    for part in ("Context of use", "Percentiles", "Where this comes from", "Seed", "numpy", "Bateman 1910",
                 outcome.summary["rows_key"][:16], "safe, (a) report", "prefers-color-scheme"):  # fmt: skip
        assert part in text
