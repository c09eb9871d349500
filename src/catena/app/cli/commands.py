"""The commands. Each imports what it needs when it runs, so that ``--help`` stays quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from catena import ops

app = typer.Typer(
    name="catena",
    help="AI fused with multi-scale simulation over the whole biopharma chain.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

#: Read in ``main`` for the whole process; declared on each command so that its help shows it.
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document.")]
ModelId = Annotated[str, typer.Argument(metavar="ID", help="Model id, e.g. body.pbpk.")]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="Study file (YAML).")]
_OPEN = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@app.callback()
def catena() -> None:
    """AI fused with multi-scale simulation over the whole biopharma chain."""


@app.command()
def models(
    query: Annotated[list[str] | None, typer.Argument(help="Words to search for.")] = None,
    broken: Annotated[bool, typer.Option("--broken", help="List models that do not load.")] = False,
    json: Json = False,
) -> None:
    """List the models, or those that match some words."""
    from catena.app.cli.listing import show_models

    show_models(" ".join(query or []), broken)


@app.command()
def describe(model: ModelId, json: Json = False) -> None:
    """Show a model's ports, units, source and validation."""
    from catena.app.cli.listing import show_model

    show_model(model)


@app.command(context_settings=_OPEN, add_help_option=False)
def predict(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(metavar="ID", help="Model id.")] = None,
    file: Annotated[Path | None, typer.Option(help="Rows: CSV, JSON or Parquet.")] = None,
    out: Annotated[Path | None, typer.Option(help="Store as .parquet, .csv or .json.")] = None,
    on_error: Annotated[str, typer.Option(help="raise, or skip bad rows.")] = "raise",
    seed: Annotated[int, typer.Option(help="Seed of a stochastic model.")] = 0,
    json: Json = False,
) -> None:
    """Predict: catena predict ID --FIELD VALUE ... (see the fields: catena predict ID --help)."""
    from catena.app.cli.predicting import help_text
    from catena.app.cli.predicting import predict as run

    words = [word for word in (model, *context.args) if word is not None]
    if not words or {"-h", "--help"} & set(words):
        named = [word for word in words if not word.startswith("-")]
        help_text(context.get_help(), named[0] if named else None)
        return
    if model is None:
        raise typer.BadParameter("the model's id is missing")
    run(model, context.args, file, out, on_error, seed)


@app.command()
def plan(
    study: StudyFile,
    out: Annotated[Path, typer.Option(help="Folder for results.")] = Path("runs"),
    json: Json = False,
) -> None:
    """Show the tasks of a study, their cost and what is already done."""
    from catena.app.cli.studying import show_plan

    show_plan(study, out)


@app.command()
def run(
    study: StudyFile,
    out: Annotated[Path, typer.Option(help="Folder for results.")] = Path("runs"),
    draws: Annotated[
        int | None, typer.Option(min=0, help="Override the uncertainty draws.")
    ] = None,
    json: Json = False,
) -> None:
    """Run a study; a run that was stopped goes on where it was."""
    from catena.app.cli.studying import run_study

    if code := run_study(study, out, draws):
        raise typer.Exit(code)


@app.command()
def validate(
    prefix: Annotated[str, typer.Argument(help="Start of claim or model ids.")] = "",
    write: Annotated[bool, typer.Option("--write", help="Record results, README, index.")] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="List the claims, compute nothing.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the runs.")] = 0,
    json: Json = False,
) -> None:
    """Recompute what the models claim about their accuracy (exit code 3: a claim fails)."""
    from catena.app.cli.validating import validate as check

    code = check(prefix, write, listing, seed)
    if code:
        raise typer.Exit(code)


@app.command("check-model")
def check_model(
    model: Annotated[str, typer.Argument(metavar="ID", help="Model id or module:attribute.")],
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the slow checks.")] = False,
    json: Json = False,
) -> None:
    """Run the contract suite on a model (for authors of models and plug-ins)."""
    from catena.app.cli.checking import check

    code = check(model, quick)
    if code:
        raise typer.Exit(code)


@app.command()
def doctor(json: Json = False) -> None:
    """Show versions, processor, data sets, optional packages and caches."""
    from catena.app.cli.doctor import show_doctor

    show_doctor()


@app.command()
def citations(
    what: Annotated[str, typer.Argument(metavar="ID|STUDY", help="Model id or study file.")],
    json: Json = False,
) -> None:
    """Print the sources to cite for a model or a study."""
    from catena.app.cli.listing import show_citations

    show_citations(what)


@app.command()
def index(
    write: Annotated[bool, typer.Option("--write", help="Write it; else only compare.")] = False,
    package: Annotated[str | None, typer.Option(help="Distribution of a plug-in.")] = None,
    json: Json = False,
) -> None:
    """Compare or write the index that lets models be listed without importing them."""
    from catena.app.cli.listing import write_index

    write_index(package, write)


def _operation(name: str) -> None:
    """Add the command of one operation."""

    @app.command(name, context_settings={"help_option_names": []}, help=ops.summary(name),
                 rich_help_panel="Operations over any model", add_help_option=False)  # fmt: skip
    def command(
        model: Annotated[
            str | None, typer.Argument(metavar="ID", help="Model or chain id.")
        ] = None,
        settings: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE")] = None,
        at: Annotated[
            list[str] | None, typer.Option("--set", help="Input of the model, KEY=VALUE.")
        ] = None,
        data: Annotated[Path | None, typer.Option(help="Rows: CSV, JSON or Parquet.")] = None,
        out: Annotated[Path, typer.Option(help="Folder for results.")] = Path("runs"),
        seed: Annotated[int, typer.Option(help="Seed.")] = 0,
        asked: Annotated[bool, typer.Option("--help", "-h", help="Show the settings.")] = False,
        json: Json = False,
    ) -> None:
        from catena.app.cli.operating import operate, show_settings

        if asked or (model is None and not settings):
            show_settings(name)
        elif code := operate(name, model, settings or [], at or [], data, out, seed):
            raise typer.Exit(code)


for _name in ops.names():
    _operation(_name)
