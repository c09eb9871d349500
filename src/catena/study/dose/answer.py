"""The answer of a dose-finding study: dose, spread over people, certainty, drivers, evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from catena.core.distribution import Distribution
from catena.core.errors import StudyError
from catena.core.spec import Schema
from catena.study.dose import drawings, evidence
from catena.study.dose.recommend import RULE, TIE, Recommendation, recommend
from catena.study.dose.sensitivity import Influence, influences
from catena.study.dose.settings import Aim
from catena.study.dose.simulate import exposures
from catena.study.kind import Answer, Figure, Grid, Piece
from catena.study.schema import Study
from catena.study.subject import Subject
from catena.study.table import Table, joined

_PERCENTS = (5, 50, 95)


@dataclass(frozen=True)
class DoseFacts:
    """What the answer is made from besides the finished tasks.

    Args:
        study: The study.
        subject: Model and compound card.
        aim: The exposure window.
        doses: Candidate doses [mg].
        laws: Uncertain inputs and their distributions.
        time: Output times [h].
        people: Covariates, one row per person.
        source: The model the people came from.
    """

    study: Study
    subject: Subject
    aim: Aim
    doses: np.ndarray
    laws: Mapping[str, Distribution]
    time: np.ndarray
    people: Table
    source: str


@final
class DoseAnswer:
    """Builds the answer from finished tasks."""

    def __init__(self, facts: DoseFacts, pieces: Mapping[str, Piece]) -> None:
        self.facts = facts
        self.doses = facts.doses
        crowd = [piece.table for name, piece in sorted(pieces.items()) if name.startswith("people")]
        if not crowd:
            raise StudyError("No group of people is finished", where=f"study {facts.study.name!r}",
                             why="every one failed or the budget ended", fix="run the study again")  # fmt: skip
        self.table = joined(crowd)
        self.draw_pieces = [p for name, p in sorted(pieces.items()) if name.startswith("draw")]
        self.gradients = pieces.get("gradients")

    def build(self) -> Answer:
        """Return the answer with summary, rows, tables, figures and notes."""
        return Answer(
            headline=self.headline(),
            summary=self.summary(),
            rows=self.rows(),
            figures=list(self.figures()),
            grids=self.grids(),
            notes=self.notes(),
        )

    # What was found ----------------------------------------------------------------------

    @cached_property
    def best(self) -> Recommendation:
        """The recommendation over all people."""
        return self._recommend(self.table)

    @cached_property
    def by_draw(self) -> list[Recommendation]:
        """The recommendation of every joint draw."""
        return [self._recommend(piece.table) for piece in self.draw_pieces]

    @cached_property
    def optima(self) -> np.ndarray:
        """The optimum dose of every draw [mg]."""
        return np.array([found.optimum for found in self.by_draw])

    @cached_property
    def influence(self) -> list[Influence]:
        """What the optimum dose depends on, strongest first."""
        if len(self.by_draw) < 3:
            return []
        drawn = [piece.facts["drawn"] for piece in self.draw_pieces]
        columns = {name: np.array([d[name] for d in drawn], dtype=float) for name in drawn[0]}
        return influences(columns, self.optima)

    @cached_property
    def failed(self) -> int:
        """Number of rows over people that could not be computed."""
        return int(np.sum(self.table["status"] != "ok"))

    @cached_property
    def observed(self) -> list[evidence.Point]:
        """Published exposures of the card's compound, for the same route."""
        return evidence.cited(self.facts.subject.card, self.facts.study.settings.route)

    def spread(self, name: str) -> np.ndarray:
        """Return 5, 50 and 95 % over people (percent, dose) of one quantity."""
        return np.asarray(np.percentile(exposures(self.table, name, self.doses), _PERCENTS, axis=0))

    def _recommend(self, table: Table) -> Recommendation:
        aim = self.facts.aim
        return recommend(exposures(table, aim.metric, self.doses), self.doses, aim.low, aim.high)

    # How it is said -----------------------------------------------------------------------

    def headline(self) -> str:
        """Return the answer in two sentences."""
        aim, best = self.facts.aim, self.best
        name = (
            self.facts.subject.card.name
            if self.facts.subject.card
            else self.facts.subject.model.info.id
        )
        text = (
            f"{best.dose:g} mg {self.facts.study.settings.route} {name} brings {best.share:.0%} of "
            f"{len(self.facts.people):,} virtual adults into the {aim.metric} window "
            f"{aim.low:.3g} to {aim.high:.3g} {aim.unit}."
        )
        if len(self.by_draw) >= 2:
            low, high = np.percentile(self.optima, [5, 95])
            text += (
                f" The best dose between the candidates is {best.optimum:.3g} mg; given how well the "
                f"inputs are known, it lies between {low:.3g} and {high:.3g} mg (90 % interval)."
            )
        return text

    def summary(self) -> dict[str, Any]:
        """Return the answer as plain data."""
        aim, best = self.facts.aim, self.best
        share = self.failed / max(len(self.table), 1)
        return {
            "recommended_dose": {"value": best.dose, "unit": "mg", "share_inside": best.share},
            "optimum_dose": {"value": best.optimum, "unit": "mg", "edge_of_range": best.edge, **self._interval()},
            "rule": RULE,
            "window": {"metric": aim.metric, "low": aim.low, "high": aim.high, "unit": aim.unit,
                       "status": aim.status, "source": aim.source},
            "per_dose": self._per_dose(),
            "draws": self._draws(),
            "sensitivity": [vars(item) for item in self.influence],
            "local_sensitivity": self._local(),
            "observed": [point.to_dict() for point in self.observed],
            "evidence": evidence.agreement(self.observed, self.doses, self.spread("auc"), self.spread("cmax")),
            "people": len(self.facts.people),
            "failed_rows": self.failed,
            "failed_share": share,
        }  # fmt: skip

    def _interval(self) -> dict[str, Any]:
        if len(self.by_draw) < 2:
            return {}
        low, middle, high = (float(x) for x in np.percentile(self.optima, _PERCENTS))
        return {
            "low": low,
            "high": high,
            "median_of_draws": middle,
            "interval": "90 % over joint draws",
        }

    def _per_dose(self) -> list[dict[str, Any]]:
        units = {"auc": "mg*h/L", "cmax": "mg/L", "tmax": "h"}
        spreads = {name: self.spread(name) for name in units}
        shares = np.array([found.shares for found in self.by_draw])
        rows = []
        for index, dose in enumerate(self.doses):
            row: dict[str, Any] = {
                "dose": float(dose),
                "share_inside": float(self.best.shares[index]),
            }
            if len(shares) >= 2:
                row["share_interval"] = [float(x) for x in np.percentile(shares[:, index], [5, 95])]
            for name, unit in units.items():
                p5, p50, p95 = (float(x) for x in spreads[name][:, index])
                row[name] = {"p5": p5, "p50": p50, "p95": p95, "unit": unit}
            rows.append(row)
        return rows

    def _draws(self) -> dict[str, Any]:
        chosen = [found.dose for found in self.by_draw]
        edges = [found.edge for found in self.by_draw]
        return {
            "number": len(chosen),
            "people": len(np.unique(self.draw_pieces[0].table["person"])) if chosen else 0,
            "recommended_how_often": {
                f"{dose:g}": chosen.count(float(dose)) for dose in self.doses
            },
            "reached_edge": {edge: edges.count(edge) for edge in ("lowest", "highest")},
            "optimum": self.optima,
            "inputs": {name: law.model_dump(mode="json") for name, law in self.facts.laws.items()},
        }

    def _local(self) -> dict[str, Any]:
        if self.gradients is None:
            return {}
        table = self.gradients.table.where(self.gradients.table["dose"] == self.best.dose)
        columns = zip(table["input"], table["cmax"], table["auc"], strict=True)
        return {
            "dose": self.best.dose,
            "method": self.gradients.facts["method"],
            "elasticity": {
                str(name): {"cmax": float(cmax), "auc": float(auc)} for name, cmax, auc in columns
            },
        }

    def rows(self) -> Table:
        """Return one row per person and dose: covariates and exposures."""
        flat = [field for field in self.table.fields if not field.shape]
        people = self.facts.people
        index = np.asarray(self.table["person"], dtype=int)
        own = [field for field in people.fields if field.name != "person"]
        columns = {field.name: self.table[field.name] for field in flat}
        columns |= {
            field.name: people[field.name][index] for field in own if field.name not in columns
        }
        fields = Schema([*flat, *(f for f in own if f.name not in self.table.columns)])
        return Table(fields, columns)

    def grids(self) -> list[Grid]:
        """Return the tables of the report."""
        return [self._dose_grid(), *self._input_grids(), *self._evidence_grids()]

    def _dose_grid(self) -> Grid:
        heads = ["dose [mg]", f"inside {self.facts.aim.metric} window"]
        heads += ["inside, 90 % interval"] if len(self.by_draw) >= 2 else []
        heads += [
            "AUC [ug*h/L] 5 - 50 - 95 %",
            "Cmax [ug/L] 5 - 50 - 95 %",
            "tmax [h] 5 - 50 - 95 %",
        ]
        rows = []
        for item in self._per_dose():
            cells = [f"{item['dose']:g}", f"{item['share_inside']:.1%}"]
            if "share_interval" in item:
                cells.append("{:.0%} to {:.0%}".format(*item["share_interval"]))
            for name, scale in (("auc", 1000.0), ("cmax", 1000.0), ("tmax", 1.0)):
                cells.append(
                    " - ".join(f"{item[name][p] * scale:.3g}" for p in ("p5", "p50", "p95"))
                )
            rows.append(cells)
        caption = (
            f"Shares and 5-50-95 % ranges over {len(self.facts.people):,} virtual adults, every dose given to the "
            "same people. The interval of the share is over joint draws of the uncertain inputs."
        )
        return Grid("Exposure by dose", caption, heads, rows)

    def _input_grids(self) -> list[Grid]:
        card, given = self.facts.subject.card, self.facts.subject.from_card
        if card is None:
            return []
        local = self._local().get("elasticity", {})
        ranks = {item.name: item for item in self.influence}
        rows = [
            [*line, *_driver(ranks.get(line[0])), *_slope(local.get(line[0]))]
            for line in evidence.inputs(card, given, self.facts.laws)
        ]
        heads = ["input", "value", "uncertainty", "status", "source",
                 "rank correlation with the dose", "elasticity of Cmax"]  # fmt: skip
        caption = (
            "Inputs of the compound card. Rank correlation: with the optimum dose over the joint draws, "
            "* where it differs from zero at the 5 % level. Elasticity: per cent change of the typical "
            f"person's Cmax per per cent of the input at {self.best.dose:g} mg."
        )
        return [Grid("Inputs, how well they are known, and what they do", caption, heads, rows)]

    def _evidence_grids(self) -> list[Grid]:
        if not self.observed:
            return []
        rows = evidence.comparison(
            self.observed, self.doses, self.spread("auc"), self.spread("cmax")
        )
        heads = ["study", "dose [mg]", "n", "AUC observed [ug*h/L]", "predicted 5 - 50 - 95 %",
                 "Cmax observed [ug/L]", "predicted 5 - 50 - 95 %"]  # fmt: skip
        caption = (
            "Published mean exposures beside the range over virtual adults, interpolated log-linearly in "
            "dose where the study's dose is no candidate. None of them was used to make the prediction."
        )
        return [Grid("Against clinical observations", caption, heads, rows)]

    def figures(self) -> list[Figure]:
        """Return the figures in reading order."""
        return drawings.all_figures(self)

    def notes(self) -> list[str]:
        """Return what the reader must know."""
        aim, best, card = self.facts.aim, self.best, self.facts.subject.card
        found = [f"Window ({aim.status}): {aim.source}. {aim.derivation}".strip(), RULE]
        cut = sum(bool(item.edge) for item in self.by_draw)
        if cut:
            found.append(
                f"In {cut} of {len(self.by_draw)} joint draws the optimum reaches the lowest or highest "
                "candidate: the range of candidates, not knowledge, ends the interval there."
            )
        if best.edge:
            found.append(
                f"Doses within {TIE:.0%} of the best share reach the {best.edge} candidate: the range of "
                "candidate doses limits the optimum."
            )
        if card is not None and card.assumed():
            names = [name for name in card.assumed() if name in self.facts.subject.from_card]
            found.append(
                f"Assumed inputs (no measurement at hand): {', '.join(names)}." if names else ""
            )
            unused = self.facts.subject.unused
            found.append(
                f"On the card but without a port in this chain: {', '.join(unused)}."
                if unused
                else ""
            )
        if self.failed:
            found.append(
                f"{self.failed} of {len(self.table)} rows could not be computed; rows.parquet names the reason."
            )
        if self.facts.study.uncertainty and self.facts.study.uncertainty.rtol:
            found.append(
                f"The joint draws were solved with a relative tolerance of {self.facts.study.uncertainty.rtol:g}."
            )
        return [text for text in found if text]


def _driver(item: Influence | None) -> list[str]:
    return [f"{item.rank:+.2f}{' *' if item.clear else ''}" if item else ""]


def _slope(item: Mapping[str, float] | None) -> list[str]:
    return [f"{item['cmax']:+.2f}" if item else ""]
