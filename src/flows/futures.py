"""Uncertain futures: the draws of uncertain inputs that comparisons, rankings and answers stand on by default.

Where a posterior sample lies beside the model, its joint draws are taken; what it leaves open (how drivers go on after
the data end, weights that no series speaks to) is drawn from the ranges declared in ``sensitivity/base.toml``.
Without a posterior all of it comes from these ranges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from flows import resources
from flows.inputs import Study, read_study
from flows.posterior import FILE, Posterior, posterior_of
from flows.references import fold, parse_reference

__all__ = ["FEWEST", "STUDY", "Futures", "futures_of", "sample", "say_little"]

STUDY = "base"
"""The shipped study whose declared ranges are drawn from."""

FITTED, DECLARED = 500, 64
"""Number of draws by default: of a posterior, and of declared ranges."""
FEWEST = 20
"""Draws of which one lies beyond either end of an interval that holds 90 % of them."""


def say_little(draws: int, *, usual: int = DECLARED) -> str:
    """Say that intervals and shares from so few draws say little; nothing of enough draws, and of none.

    Parameters
    ----------
    draws : int
        How many there are.
    usual : int
        How many there would be by default.
    """
    if not 0 < draws < FEWEST:
        return ""
    return (
        f"{_counted(draws)} {'says' if draws == 1 else 'say'} little: 90 % intervals, odds and shares need at least "
        f"{FEWEST} draws (--draws {FEWEST}); {usual} are usual."
    )


@dataclass(frozen=True, eq=False)
class Futures:
    """Draws of uncertain inputs, and where they come from.

    Attributes
    ----------
    values : mapping of str to xarray.DataArray
        By constant or lookup, over ``draw`` and the subscripts (or ``x``); empty where nothing is drawn.
    draws : int
        How many; 0 where nothing is drawn.
    seed : int or None
        Of the draws.
    fitted, declared : int
        Number of inputs from the posterior, and from declared ranges.
    paths : tuple of Path
        Files that were read.
    """

    values: Mapping[str, xr.DataArray]
    draws: int
    seed: int | None
    fitted: int = 0
    declared: int = 0
    paths: tuple[Path, ...] = ()

    @property
    def kind(self) -> str:
        """``posterior``, ``declared ranges`` or ``none``."""
        return "posterior" if self.fitted else "declared ranges" if self.declared else "none"

    @property
    def words(self) -> str:
        """Say in a sentence what the intervals hold."""
        if not self.draws:
            return "One run each at the model's own values: nothing is drawn, so no interval is given."
        declared = f"the declared ranges of {self.declared} inputs (sensitivity/{STUDY}.toml)"
        draws = _counted(self.draws)
        if not self.fitted:
            return f"Uncertainty: {draws} from {declared}, not fitted to data; there is no posterior sample."
        more = f", and from {declared} that the fit leaves open" if self.declared else ""
        return f"Uncertainty: {draws} from the posterior of {self.fitted} inputs (models/{FILE}){more}."

    @property
    def doubt(self) -> str:
        """Say that there are too few of them for intervals and shares; empty where there are enough, or none."""
        return say_little(self.draws, usual=FITTED if self.fitted else DECLARED)


def futures_of(model: Any, draws: int | None = None, *, seed: int | None = None) -> Futures:
    """Draw the uncertain inputs of a model: from its posterior sample where one lies beside it, else as declared.

    Parameters
    ----------
    model : flows.Model
        Inputs that it lacks are left out.
    draws : int, optional
        How many: 500 of a posterior and 64 of declared ranges by default; 0 draws nothing.
    seed : int, optional
        That of the study ``sensitivity/base.toml`` by default.

    Returns
    -------
    Futures

    Raises
    ------
    InputError
        If the study or the posterior sample can't be read.
    """
    if draws == 0:
        return Futures({}, 0, None)
    plan = read_study(STUDY)
    used = plan.seed if seed is None else seed
    posterior = posterior_of(model)
    count = draws if draws is not None else FITTED if posterior is not None else DECLARED
    own: dict[str, xr.DataArray] = {}
    fitted: set[str] = set()
    paths: list[Path] = []
    if posterior is not None:
        own = posterior.inputs(model, count, used)
        fitted = {fold(element) for element in posterior.elements} | {fold(name) for name in own}
        paths.append(_file_of(model))
    declared = {
        name: xr.DataArray(values, dims="draw")
        for name, values in sample(plan, count, seed=used).items()
        if parse_reference(name).name in model.constants and not _taken(name, fitted)
    }
    if declared and plan.path is not None:
        paths.append(plan.path)
    values = {**own, **declared}
    if not values:
        return Futures({}, 0, None)
    return Futures(values, count, used, _count(posterior), len(declared), tuple(paths))


def sample(plan: Study, count: int, *, seed: int | None = None) -> dict[str, NDArray[np.float64]]:
    """Draw values of a study's uncertainties, evenly spread and the same for the same study.

    Parameters
    ----------
    plan : Study
        Its distributions and seed.
    count : int
        Number of draws.
    seed : int, optional
        In place of the study's.

    Returns
    -------
    dict of str to array of shape (count,)
        By name of the uncertainty.
    """
    from scipy.stats import qmc

    random = np.random.default_rng(plan.seed if seed is None else seed)
    unit = qmc.LatinHypercube(d=len(plan.uncertainties), rng=random).random(count)
    return {u.name: np.asarray(u.ppf(unit[:, i]), dtype=float) for i, u in enumerate(plan.uncertainties)}


def _counted(draws: int) -> str:
    return "1 draw" if draws == 1 else f"{draws:,} draws"


def _count(posterior: Posterior | None) -> int:
    return 0 if posterior is None else len(posterior.elements)


def _taken(name: str, fitted: set[str]) -> bool:
    """Whether the posterior holds an input, whole or by one of its elements."""
    return fold(name) in fitted or fold(parse_reference(name).name) in fitted


def _file_of(model: Any) -> Path:
    path = Path(str(getattr(model, "path", "") or resources.root() / "models" / "migration.mdl"))
    return path.parent / FILE
