"""Studies: which constants are varied, with which distribution, and which outcomes are recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from flows import resources
from flows.errors import InputError, near
from flows.inputs.bounds import element_key, limits, range_text
from flows.inputs.outcomes import Outcome, resolve_outcome
from flows.inputs.tables import (
    PLACES,
    Month,
    Table,
    Text,
    find,
    read_rows,
    read_table,
    read_toml,
    refuse_other_kind,
    shown_path,
)
from flows.paths import plain
from flows.reductions import WORDS, Reduction, split
from flows.references import fold, parse_reference

Distribution = Literal["uniform", "loguniform", "triangular", "normal", "lognormal", "beta", "discrete"]
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "uniform": ("min", "max"),
    "loguniform": ("min", "max"),
    "triangular": ("min", "mode", "max"),
    "normal": ("mean", "sd"),
    "lognormal": ("median", "sigma"),
    "beta": ("a", "b", "min", "max"),
    "discrete": ("values",),
}
_OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "normal": ("min", "max"),
    "lognormal": ("min", "max"),
    "discrete": ("probabilities",),
}
_ARGUMENTS = ("min", "mode", "max", "mean", "sd", "median", "sigma", "a", "b", "values", "probabilities")


_MEANT = {
    "last": "final", "latest": "final", "end": "final", "max": "highest", "maximum": "highest", "peak": "highest",
    "min": "lowest", "minimum": "lowest", "average": "mean", "sum": "integral", "total": "integral",
}  # fmt: skip


class Uncertainty(Table):
    """Something that isn't known, with its distribution.

    Attributes
    ----------
    name : str
        A constant of the model (levers and switches are constants), a stock for its initial value, or a lookup; one
        element in its text form. Of a posterior sample any words, as shown to people.
    of : {"value", "scale", "between", "posterior"}
        What a draw means: the value itself; of a lookup the factor on all its points, or the share of the curve of
        another lookup, from 0 (this one) to 1 (the other); a row of the posterior sample beside the model, which sets
        all constants that were calibrated, together.
    other : str or None
        The other lookup.
    distribution : str or None
        None for a posterior sample, which is its own. Otherwise ``uniform`` and ``loguniform`` (min, max),
        ``triangular`` (min, mode, max), ``normal`` (mean, sd; cut off at min and max where given), ``lognormal``
        (median, sigma = standard deviation of the logarithm; cut off likewise), ``beta`` (a, b, stretched from min to
        max) or ``discrete`` (values, probabilities).
    group : str or None
        Uncertainties of one group are sampled together.
    why : str
        Where the distribution comes from.
    where : str
        File and key, for messages.
    """

    name: Text
    of: Literal["value", "scale", "between", "posterior"] = "value"
    other: Text | None = None
    distribution: Distribution | None = None
    group: Text | None = None
    why: str = ""
    min: float | None = None
    mode: float | None = None
    max: float | None = None
    mean: float | None = None
    sd: float | None = None
    median: float | None = None
    sigma: float | None = None
    a: float | None = None
    b: float | None = None
    values: Annotated[tuple[float, ...], Field(strict=False)] | None = None
    probabilities: Annotated[tuple[float, ...], Field(strict=False)] | None = None
    where: str = Field(default="", repr=False)

    @model_validator(mode="after")
    def _fits(self) -> Uncertainty:
        kind = self.distribution
        if self.of == "posterior":
            given = next(
                (key for key in ("distribution", "other", *_ARGUMENTS) if getattr(self, key) is not None),
                None,
            )
            if given is not None:
                raise ValueError(f'a posterior sample is its own distribution; take out the key "{given}"')
            return self
        if kind is None:
            raise ValueError('the key "distribution" is missing')
        required, optional = _REQUIRED[kind], _OPTIONAL.get(kind, ())
        listed = "its arguments are " + ", ".join((*required, *optional))
        for key in _ARGUMENTS:
            if getattr(self, key) is None and key in required:
                raise ValueError(f'the {kind} distribution lacks "{key}" ({listed})')
            if getattr(self, key) is not None and key not in (*required, *optional):
                raise ValueError(f'the {kind} distribution has no "{key}" ({listed})')
        for key in ("sd", "sigma", "median", "a", "b"):
            number = getattr(self, key)
            if number is not None and number <= 0:
                raise ValueError(f'"{key}" must be above 0, found {number:g}')
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError(f'"min" must lie below "max", found {self.min:g} and {self.max:g}')
        if kind == "loguniform" and self.min is not None and self.min <= 0:
            raise ValueError(f'"min" of a loguniform distribution must be above 0, found {self.min:g}')
        if (self.other is None) == (self.of == "between"):
            raise ValueError(
                'of = "between" needs the key "other", the name of the other lookup'
                if self.of == "between"
                else 'the key "other" stands with of = "between" alone'
            )
        if self.of == "between" and not (self.support[0] >= 0 and self.support[1] <= 1):
            raise ValueError('a share of the other curve lies between 0 and 1; set "min" and "max"')
        if kind == "triangular" and not self.min <= self.mode <= self.max:  # type: ignore[operator]
            raise ValueError(f'"mode" must lie between "min" and "max", found {self.mode:g}')
        self._check_discrete()
        return self

    def _check_discrete(self) -> None:
        if self.values is None:
            return
        if len(self.values) < 2:
            raise ValueError('"values" must hold at least two numbers')
        if self.probabilities is None:
            return
        if len(self.probabilities) != len(self.values):
            raise ValueError(f"{len(self.values)} values have {len(self.probabilities)} probabilities")
        if min(self.probabilities) < 0 or abs(sum(self.probabilities) - 1) > 1e-9:
            total = sum(self.probabilities)
            raise ValueError(f'"probabilities" must not be negative and must add up to 1, found {total:g}')

    @property
    def support(self) -> tuple[float, float]:
        """The smallest and the largest value that can be drawn."""
        if self.values is not None:
            return min(self.values), max(self.values)
        low = 0.0 if self.distribution == "lognormal" else -np.inf
        return (low if self.min is None else self.min, np.inf if self.max is None else self.max)

    def ppf(self, u: ArrayLike) -> NDArray[np.float64]:
        """Turn numbers between 0 and 1 into values: the inverse of the distribution function.

        Parameters
        ----------
        u : array of any shape
            Probabilities in [0, 1]; 0 and 1 are moved inwards by half the spacing of floats there, so that
            distributions without bounds stay finite.

        Returns
        -------
        array, same shape
            In the unit of the constant.

        Raises
        ------
        InputError
            If a number lies outside [0, 1].
        """
        share = np.asarray(u, dtype=np.float64)
        if not np.all((share >= 0) & (share <= 1)):
            raise InputError("not a probability", where=self.where, expected="numbers from 0 to 1")
        inside = np.clip(share, 2.0**-54, 1 - 2.0**-53)
        return np.asarray(self._inverse(inside), dtype=np.float64)

    def _inverse(self, u: NDArray[np.float64]) -> Any:
        from scipy import stats  # takes a third of a second, and a single run needs no distribution

        match self.distribution:
            case "uniform":
                return self.min + (self.max - self.min) * u  # type: ignore[operator]
            case "loguniform":
                return stats.loguniform.ppf(u, self.min, self.max)
            case "triangular":
                width = self.max - self.min  # type: ignore[operator]
                return stats.triang.ppf(u, (self.mode - self.min) / width, self.min, width)  # type: ignore[operator]
            case "normal":
                return _truncated(u, self.mean, self.sd, self.min, self.max)  # type: ignore[arg-type]
            case "lognormal":
                low = None if self.min is None or self.min <= 0 else np.log(self.min)
                high = None if self.max is None else np.log(self.max)
                return np.exp(_truncated(u, np.log(self.median), self.sigma, low, high))  # type: ignore[arg-type]
            case "beta":
                return self.min + (self.max - self.min) * stats.beta.ppf(u, self.a, self.b)  # type: ignore[operator]
        values = np.asarray(self.values)
        weights = (
            np.full(len(values), 1 / len(values))
            if self.probabilities is None
            else np.array(self.probabilities)
        )
        steps = np.cumsum(weights)
        return values[np.minimum(np.searchsorted(steps, u, side="left"), len(values) - 1)]


def _truncated(u: NDArray[np.float64], mean: float, sd: float, low: float | None, high: float | None) -> Any:
    from scipy import stats

    a = -np.inf if low is None else (low - mean) / sd
    b = np.inf if high is None else (high - mean) / sd
    return stats.truncnorm.ppf(u, a, b, loc=mean, scale=sd)


class Study(Table):
    """Which constants are varied, how, and which outcomes are recorded.

    Attributes
    ----------
    name : str
        The file's name without its ending.
    title : str
        As shown to people.
    model : str
        Path of the model file, seen from the folder that holds ``models/``, or as given.
    scenario : str
        The scenario, or a combination, under which all runs are made.
    method : {"sobol", "morris", "monte-carlo", "latin-hypercube", "tornado", "shapley"}
        How the sample is drawn and analysed.
    n : int
        Of a Sobol study a power of two: there are n (D + 2) runs for D uncertainties or groups, n (2 D + 2) with
        second order. Of a Morris study the number of trajectories of D + 1 runs; of Shapley effects that of orders of
        D + 1 runs, where each constant of a posterior sample counts. Otherwise the number of runs; a
        tornado needs none.
    seed : int
        Of the sample and the bootstrap.
    second_order : bool
        Whether second-order indices are wanted, of a Sobol study.
    levels : int
        Of the grid of a Morris study.
    tails : float
        Quantile of each uncertainty, and of its other end, between which a tornado moves it.
    outcomes : tuple of str
        Names of ``models/outcomes.toml``, or variables of the model; reduced to a number by words before them:
        ``final``, ``highest``, ``lowest``, ``mean``, ``integral``, ``time of highest``, ``time of lowest``, or ``first
        time NAME above NUMBER``.
    times : tuple of str
        Months (``2030-12``) at which courses are analysed; all saved times by default.
    worst : float
        Share of the runs that count as the worst, for what drives them.
    non_finite : {"stop", "leave out"}
        What to do about a run with a value that isn't finite: stop and name it, or leave its group of runs out, list
        it in ``left_out.csv`` and say so.
    uncertainties : tuple of Uncertainty
        Each with its distribution.
    resamples : int
        Bootstrap resamples for the confidence intervals.
    file : str
        Where it was read, for messages.
    path : Path or None
        The file itself, for its digest.
    """

    name: Text
    title: str = ""
    model: Text = "models/migration.mdl"
    scenario: Text = "current-course"
    method: Literal["sobol", "morris", "monte-carlo", "latin-hypercube", "tornado", "shapley"] = "sobol"
    n: Annotated[int, Field(ge=2)] = 2
    seed: Annotated[int, Field(ge=0)]
    second_order: bool = False
    levels: Annotated[int, Field(ge=2)] = 4
    tails: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    times: Annotated[tuple[Month, ...], Field(strict=False)] = ()
    worst: Annotated[float, Field(gt=0, lt=0.5)] = 0.1
    non_finite: Literal["stop", "leave out"] = "stop"
    outcomes: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    uncertainties: tuple[Uncertainty, ...]
    resamples: Annotated[int, Field(ge=20)] = 200
    file: str = Field(default="", repr=False)
    path: Path | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _fits(self) -> Study:
        if self.method != "tornado" and "n" not in self.model_fields_set:
            raise InputError('the key "n" is missing', remedy="Add a line n = …")
        if self.method != "sobol" and self.second_order:
            raise ValueError("second-order indices belong to a Sobol study")
        if self.method not in ("sobol", "morris", "shapley") and any(u.group for u in self.uncertainties):
            raise ValueError("groups belong to a Sobol, Morris or Shapley study")
        if self.method in ("monte-carlo", "latin-hypercube", "shapley") and self.n < 20:
            what = "orders" if self.method == "shapley" else "runs"
            raise ValueError(f'"n" must be at least 20 {what}, found {self.n}')
        self._check_posterior()
        if self.method == "sobol" and self.n & (self.n - 1):
            below = 1 << (self.n.bit_length() - 1)
            raise ValueError(f'"n" must be a power of two, such as {below} or {2 * below}, found {self.n}')
        alone = self.method in ("monte-carlo", "latin-hypercube", "shapley") and self.posterior is not None
        if len(self.uncertainties) < 2 and not alone:
            raise ValueError(
                f"a study needs at least two [[uncertainty]] tables, found {len(self.uncertainties)}"
            )
        seen: dict[str, Uncertainty] = {}
        for uncertainty in self.uncertainties:
            first = seen.setdefault(fold(uncertainty.name), uncertainty)
            if first is not uncertainty:
                raise ValueError(f'the uncertainty "{uncertainty.name}" stands twice; remove one of them')
        if len({u.group is None for u in self.uncertainties}) > 1:
            lone = next(u.name for u in self.uncertainties if u.group is None)
            raise ValueError(f'all uncertainties have a group or none has; "{lone}" has none')
        doubled = [text for i, text in enumerate(self.outcomes) if text in self.outcomes[:i]]
        if doubled:
            raise ValueError(f'the outcome "{doubled[0]}" stands twice; remove one of them')
        return self

    @property
    def posterior(self) -> Uncertainty | None:
        """The uncertainty that draws rows of the posterior sample."""
        return next((u for u in self.uncertainties if u.of == "posterior"), None)

    def _check_posterior(self) -> None:
        found = [u for u in self.uncertainties if u.of == "posterior"]
        if len(found) > 1:
            raise ValueError(
                "a model has one posterior sample; remove one of the uncertainties that draw from it"
            )
        if found and self.method in ("morris", "tornado"):
            raise ValueError(
                f"a row of the posterior sample is neither low nor high, so a {self.method} study can't move it; take "
                "sobol, shapley, monte-carlo or latin-hypercube"
            )


def read_study(name_or_path: str | Path) -> Study:
    """Read a study file.

    Parameters
    ----------
    name_or_path : str or Path
        The name of a shipped study without its ending, or the path of a ``.toml`` file.

    Returns
    -------
    Study
        Checked against the schema; `check_study` checks it against a model.

    Raises
    ------
    InputError
        If no such file exists, or something in it doesn't fit the schema.
    """
    path = find("study", name_or_path)
    shown = shown_path(path)
    data = read_toml(path, shown)
    refuse_other_kind(data, "study", shown)
    rows = read_rows(Uncertainty, data, "uncertainty", shown)
    extra = {"name": plain(path.stem), "uncertainties": rows, "file": shown, "path": path}
    return read_table(Study, data, shown, extra, arrays=("uncertainty",))


class Measure(Table):
    """What a study records: an outcome over time, or a number made of it.

    Attributes
    ----------
    text : str
        As the study names it.
    outcome : Outcome
    reduction : Reduction or None
        None for the course over time.
    """

    text: Text
    outcome: Outcome
    reduction: Reduction | None = None

    @property
    def name(self) -> str:
        """The outcome's name, with the words before it as typed."""
        return self.text if self.reduction else self.outcome.name

    @property
    def title(self) -> str:
        """As shown to people."""
        title = self.outcome.title or self.outcome.name
        return f"{self.text} ({title})" if self.reduction and self.outcome.title else title


def check_study(study: Study, model: Any, outcomes: Sequence[Outcome]) -> tuple[Measure, ...]:
    """Check a study against the model that it names.

    Parameters
    ----------
    study : Study
        As read.
    model : flows.Model
        Its constants, stocks and lookups and their ranges are consulted.
    outcomes : sequence of Outcome
        Those that the study may name.

    Returns
    -------
    tuple of Measure
        One for each name in ``study.outcomes``.

    Raises
    ------
    InputError
        If an uncertainty is nothing that can be set or can leave the range declared in the model, or an outcome isn't
        known.
    """
    for uncertainty in study.uncertainties:
        if uncertainty.of == "value":
            _check_value(uncertainty, model)
        elif uncertainty.of != "posterior":
            _check_curves(uncertainty, model)
    return tuple(_measure(text, outcomes, model, f'{study.file}, key "outcomes"') for text in study.outcomes)


def _place(uncertainty: Uncertainty, key: str) -> str:
    """Where a key of an uncertainty stands; a line of a .vsc has no keys."""
    if ".vsc:" in uncertainty.where.lower():
        return uncertainty.where
    return f'{uncertainty.where}, key "{key}"'


def _check_value(uncertainty: Uncertainty, model: Any) -> None:
    where = _place(uncertainty, "name")
    reference = parse_reference(uncertainty.name, where=where)
    catalogue = model.stocks if reference.name in model.stocks else model.settable
    if reference.name not in catalogue:
        if reference.name in model.lookups:
            raise InputError(
                f'"{reference.name}" is a lookup',
                where=where,
                remedy='Add of = "scale", a factor on its points, or of = "between" with the other lookup',
            )
        raise InputError(
            f'no constant "{reference.name}" in the model',
            where=where,
            remedy=near(reference.name, [*model.settable.names, *model.stocks.names]),
        )
    item = catalogue[reference.name]
    element_key(reference, item, model, where)
    if item.subscripts and not reference.elements:
        first = ",".join(str(model.subscripts[name].value[0]) for name in item.subscripts)
        raise InputError(
            f'"{item.name}" has a value for each element; one draw would level them',
            where=where,
            remedy=f'Name one element, such as "{item.name}[{first}]"',
        )
    (low, high), (least, most) = uncertainty.support, limits(item)
    if low < least or high > most:
        raise InputError(
            f'the distribution leaves the range of the constant "{item.name}"',
            where=uncertainty.where,
            found=f"values from {low:g} to {high:g}",
            expected=range_text(item),
            remedy="Set min and max inside it" if "min" in _arguments(uncertainty) else "",
        )


def _check_curves(uncertainty: Uncertainty, model: Any) -> None:
    for key, name in (("name", uncertainty.name), ("other", uncertainty.other)):
        if name is None:
            continue
        where = _place(uncertainty, key)
        if name not in model.lookups:
            raise InputError(
                f'no lookup "{name}" in the model', where=where, remedy=near(name, model.lookups.names)
            )
        item = model.lookups[name]
        if item.subscripts:
            raise InputError(
                f'the lookup "{item.name}" has subscripts, which a study can\'t vary',
                where=where,
                remedy="Vary a constant that scales what is read from it",
            )
        if uncertainty.of == "between" and (np.diff(item.value[0]) <= 0).any():
            raise InputError(
                f'the lookup "{item.name}" jumps at one point, between two curves it can\'t',
                where=where,
                remedy='Set the jump apart by a small step, or use of = "scale"',
            )


def _measure(text: str, outcomes: Sequence[Outcome], model: Any, where: str) -> Measure:
    """Find what a study records under a name; an outcome's own name counts before words that reduce."""
    reduction, rest = split(text, where=where)
    named = any(fold(o.name) == fold(text) for o in outcomes) or _is_variable(text, model)
    if reduction is None and not named:
        _refuse_words(text, outcomes, model, where)
    if reduction is None or named:
        return Measure(text=text, outcome=resolve_outcome(text, outcomes, model=model, where=where))
    return Measure(
        text=text, outcome=resolve_outcome(rest, outcomes, model=model, where=where), reduction=reduction
    )


def _refuse_words(text: str, outcomes: Sequence[Outcome], model: Any, where: str) -> None:
    """Refuse words before a known outcome that don't say how to make a number of it."""
    known = sorted((*(o.name for o in outcomes), *model.names), key=len, reverse=True)
    bare = text.split("[")[0].rstrip()
    name = next((n for n in known if fold(bare).endswith(" " + fold(n))), None)
    if name is None:
        return
    words = bare[: -len(name)].strip()
    meant = _MEANT.get(words.lower())
    raise InputError(
        f'the words before "{name}" make no number of it',
        where=where,
        found=f'"{words}"',
        expected=", ".join(WORDS) + f", or first time {name} above (or below) a number",
        remedy=f'Did you mean "{meant}"?' if meant else near(words, WORDS),
    )


def _is_variable(text: str, model: Any) -> bool:
    name = fold(text.split("[")[0])
    return any(fold(known) == name for known in model.names)


def _arguments(uncertainty: Uncertainty) -> tuple[str, ...]:
    kind = uncertainty.distribution
    if kind is None:
        return ()
    return (*_REQUIRED[kind], *_OPTIONAL.get(kind, ()))


def list_studies(folder: Path | None = None) -> tuple[Study, ...]:
    """Read every shipped study (or those of a folder), by name.

    Parameters
    ----------
    folder : Path, optional
        In place of the shipped folder.

    Returns
    -------
    tuple of Study

    Raises
    ------
    InputError
        If a file can't be read.
    """
    shelf = folder if folder is not None else resources.root() / PLACES["study"][0]
    return tuple(read_study(path) for path in sorted(shelf.glob("*.toml")))
