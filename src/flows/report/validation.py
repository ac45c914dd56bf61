"""The report of `flows validate` as one HTML file, with every table beside it as CSV."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flows import fit, observations, provenance
from flows.calendar import month_of
from flows.compare import CAVEAT
from flows.inputs import find, list_scenarios
from flows.report import fits, wording
from flows.report.pictures import Picture, joint_legend, picture
from flows.report.results import save_csv
from flows.report.standing import SUMMARY
from flows.templates import template
from flows.validation.behaviour import SeriesFit
from flows.validation.criteria import criteria, judged_out_of_sample, pooled_in_sample, pooled_out_of_sample
from flows.validation.run import PROTOTYPE, Validation

__all__ = ["inputs_of", "render", "write"]

TEMPLATE = "validation.html.jinja"
COUNTS = {"event": "events", "person": "people", "case": "cases"}
SPANS = {"month": "a month", "calendar_year": "a year", "fiscal_year": "a U.S. fiscal year", "instant": ""}
PER = {"month": "/Month", "calendar_year": "/Year", "fiscal_year": "/Year", "instant": ""}
_FEW_FREE = 16


def inputs_of(found: Validation) -> list[Path]:
    """List the files that a validation rests on, for its provenance."""
    kinds = ("clouds", "boundary", "extreme-conditions", "projections", "misses", "claims", "outcomes")
    read = [*found.model.paths, *(find(kind) for kind in kinds), *observations.files()]
    read += [found.calibration.path] if found.calibration.path else []
    scenarios = list_scenarios()
    read += dict.fromkeys(find("model", s.model) for s in scenarios if s.model)
    read += [path for s in scenarios for path in s.paths]
    beside = found.model.path.parent / "posterior.parquet"
    return [*read, *([beside] if beside.is_file() else [])]


def write(found: Validation, folder: Path, record: Mapping[str, Any]) -> Path:
    """Write the page and its tables.

    Parameters
    ----------
    found : Validation
    folder : path
        Of results; it exists.
    record : mapping
        As `flows.provenance.record` gives it.

    Returns
    -------
    pathlib.Path
        The page.
    """
    tables = {
        "criteria": pd.DataFrame([vars(c) for c in criteria(found.behaviour, found.figures)]),
        "structure": pd.DataFrame(
            [{"test": c.name, "passed": c.passed, "found": c.found} for c in found.checks]
        ),
        "extreme-conditions": _extremes_table(found),
        "time-step": found.steps["half"].merge(
            found.steps["rk4"][["outcome", "largest", "mean"]], on="outcome", suffixes=("_half", "_rk4")
        ),
        "series": found.behaviour.table(),
        "points": found.behaviour.rows(),
        "turning-points": found.turns,
        "identification": found.identified,
        "sensitivity": found.sensitivity,
        "sectors": pd.concat([one.rows.assign(sector=one.sector.name) for one in found.sectors]),
        "projections": found.projected,
        "figures": found.figures,
        "missed": found.missed,
    }
    for name, table in tables.items():
        save_csv(table, folder / f"{name}.csv")
    provenance.atomic_write(
        folder / SUMMARY, json.dumps(_summary(found), indent=1, ensure_ascii=False) + "\n"
    )
    page = folder / "index.html"
    provenance.atomic_write(page, render(found, record))
    return page


def _summary(found: Validation) -> dict[str, Any]:
    """What `flows report` shows of it, with the digest of the model that it is about."""
    failed = [check.name for check in found.checks if not check.passed]
    half, most, count = pooled_out_of_sample(found.behaviour)
    return {
        "model_sha256": provenance.digest(found.model.path),
        "fit_until": found.calibration.fit_until,
        "draws": found.behaviour.draws,
        "quick": found.quick,
        "criteria": [vars(one) for one in criteria(found.behaviour, found.figures)],
        "structure": {"tests": len(found.checks), "failed": failed},
        "out_of_sample": {"coverage50": half, "coverage90": most, "values": count},
        "worst": [
            {key: row[key] for key in ("series", "part", "year", "error")}
            for row in found.missed.head(5).to_dict("records")
        ],
    }


def render(found: Validation, record: Mapping[str, Any]) -> str:
    """Write the page.

    Parameters
    ----------
    found : Validation
    record : mapping
        As `flows.provenance.record` gives it.

    Returns
    -------
    str
        HTML, complete in itself.
    """
    until = found.calibration.fit_until
    first, others = _sorted_series(found)
    main = [_picture(one, until) for one in first]
    rest = [_picture(one, until) for one in others]
    free = found.identified[found.identified["kind"] == "free"]
    half_in, most_in, n_in = pooled_in_sample(found.behaviour)
    half_out, most_out, n_out = pooled_out_of_sample(found.behaviour)
    return template(Path(__file__).parent, TEMPLATE).render(
        caveat=CAVEAT,
        quick=found.quick,
        draws=found.behaviour.draws,
        fit_until=_month(until),
        test_from=_month(fits.next_month(until)),
        criteria=criteria(found.behaviour, found.figures),
        checks=found.checks,
        extent=found.extent,
        series_put_in=", ".join(found.extent.series),
        excluded=found.boundary.excluded,
        extremes=[_extreme(one) for one in found.extremes],
        steps=_steps(found),
        main=main,
        rest=rest,
        legend=joint_legend(main[:1]),
        statistics=[_statistics(one) for one in (*first, *others)],
        prototype=_prototype(found),
        turns=_turns(found),
        turns_total=_turn_counts(found),
        forecast=_forecast(found),
        forecast_counts=_forecast_counts(found),
        shipped=found.calibration.file == "models/calibration.toml",
        coverage={
            "half_in": _share(half_in),
            "most_in": _share(most_in),
            "n_in": f"{n_in:,}",
            "half_out": _share(half_out),
            "most_out": _share(most_out),
            "n_out": f"{n_out:,}",
        },
        identified=[_identified(row) for row in free.to_dict("records")],
        untold=_untold(found),
        sensitivity=_sensitivity(found),
        sectors=[_sector(one) for one in found.sectors],
        projections=_projections(found),
        projections_picture=_projection_picture(found),
        figures_scored=_figures(found.figures[found.figures["scored"]]),
        figures_other=_figures(found.figures[~found.figures["scored"]]),
        figures_counts=_figure_counts(found.figures),
        missed=[
            ("Until the end of the fit", "the model's own constants", _missed(found.missed, "fit")),
            ("In the test of the forecast", "median, policies given", _missed(found.missed, "forecast")),
        ],
        sources=_sources(found),
        record=record,
        versions=sorted(record["versions"].items()),
        runs=f"{found.runs:,}",
    )


# --------------------------------------------------------------------------------------------- small words


def _share(value: float) -> str:
    if not math.isfinite(value):
        return wording.MISSING
    return f"{100 * value:.0f}{wording.PER_CENT}".replace("-0", "0").replace("-", wording.MINUS)


def _fixed(value: Any, digits: int = 2) -> str:
    number = float(value)
    if not math.isfinite(number):
        return wording.MISSING
    text = f"{number:.{digits}f}"
    return (text[1:] if float(text) == 0 and text.startswith("-") else text).replace("-", wording.MINUS)


def _month(text: str) -> str:
    return f"{pd.Timestamp(text + '-01'):%B %Y}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _unit(one: SeriesFit) -> str:
    if one.target.series.measure == "share":
        return "share"
    return COUNTS[one.target.series.counts]


def _unit_words(one: SeriesFit) -> str:
    span = SPANS[one.target.series.span] if one.target.series.measure == "flow" else ""
    return f"{_unit(one)} {span}".strip()


# --------------------------------------------------------------------------------------------------- parts


def _sorted_series(found: Validation) -> tuple[list[SeriesFit], list[SeriesFit]]:
    """Series shown at once, those with a limit and those of the prototype, and the others."""
    shown = [s for s in found.behaviour.series if s.target.series.limit is not None or s.name in PROTOTYPE]
    return shown, [s for s in found.behaviour.series if s not in shown]


def _picture(one: SeriesFit, until: str) -> Picture:
    words = _unit_words(one)
    wmape, inside = one.statistics["wmape"], one.statistics["coverage90"]
    alt = (
        f"{_upper(one.name)}, {words}: observed values, the model's run and its bands. In sample the weighted error is "
        f"{100 * wmape:.0f} per cent and {100 * inside:.0f} per cent of the values lie within the 90 per cent band."
    )
    series = one.target.series
    flow = PER[series.span] if series.measure == "flow" else ""
    unit = "share" if series.measure == "share" else f"{series.counts.title()}{flow}"
    figure = fits.series_figure(one, until, unit=unit)
    return picture(figure, title=_upper(one.name), unit=words, alt=alt)


def _extremes_table(found: Validation) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "sector": one.condition.sector,
                "condition": one.condition.condition,
                "statements": len(one.condition.follows),
                "holds": one.holds,
                "failed": "; ".join(f"{s} ({v})" for s, v in (*one.failed, *one.stocks)),
            }
            for one in found.extremes
        ]
    )


def _extreme(one: Any) -> dict[str, Any]:
    failed = {text for text, _ in one.failed}
    return {
        "sector": one.condition.sector,
        "condition": one.condition.condition,
        "holds": one.holds,
        "follows": [(text, text not in failed) for text in one.condition.follows],
        "found": "; ".join(f"{s}: {v}" for s, v in (*one.failed, *one.stocks)),
    }


def _steps(found: Validation) -> list[dict[str, str]]:
    both = found.steps["half"].merge(found.steps["rk4"], on=("outcome", "title"), suffixes=("", "_rk4"))
    worst = both.sort_values("largest_rk4", ascending=False).head(12)
    return [
        {
            "title": row["title"],
            "half": f"{100 * row['largest']:.2f}{wording.PER_CENT}",
            "rk4": f"{100 * row['largest_rk4']:.2f}{wording.PER_CENT}",
            "mean": f"{100 * row['mean_rk4']:.2f}{wording.PER_CENT}",
        }
        for row in worst.to_dict("records")
    ]


def _statistics(one: SeriesFit) -> dict[str, str]:
    s = one.statistics
    limit = one.target.series.limit
    return {
        "name": _upper(one.name),
        "unit": _unit_words(one),
        "role": "" if one.target.series.role == "fit" else "not fitted",
        "why": one.target.series.why,
        "n": f"{s['n']:.0f}",
        "r2": _fixed(s["r2"]),
        "r2_log": _fixed(s["r2_log"]),
        "wmape": _share(s["wmape"]),
        "late": "bad" if limit is not None and s["wmape"] >= limit else "",
        "rmse": wording.rounded(s["rmse"]),
        "theil": " / ".join(
            f"{100 * s[k]:.0f}" if math.isfinite(s[k]) else wording.MISSING
            for k in ("bias", "variance", "covariance")
        ),
        "half": _share(s["coverage50"]),
        "most": _share(s["coverage90"]),
        "rho": _fixed(s["rho"]),
        "sigma": _fixed(s["sigma"]),
        "without": _fixed(s["r2_log_without"]),
        "shocks": _share(s["shock_share"]),
    }


def _prototype(found: Validation) -> list[dict[str, str]]:
    rows = []
    for name, (title, error) in PROTOTYPE.items():
        one = found.behaviour.named(name)
        if one is None:
            continue
        points, hit = _hit(found.turns, name)
        rows.append(
            {
                "title": _upper(title),
                "prototype": _share(error),
                "mape": _share(one.statistics["mape"]),
                "wmape": _share(one.statistics["wmape"]),
                "hit": f"{hit} of {points}",
            }
        )
    return rows


def _hit(turns: pd.DataFrame, name: str) -> tuple[int, int]:
    rows = turns[turns["series"] == name]
    return len(rows), int(rows["hit"].sum())


def _turn_counts(found: Validation) -> dict[str, Any]:
    rows = found.turns[found.turns["series"].isin(PROTOTYPE)]
    return {"points": len(rows), "hit": int(rows["hit"].sum())}


def _turns(found: Validation) -> list[dict[str, str]]:
    rows = found.turns[found.turns["series"].isin(PROTOTYPE)]
    return [
        {
            "series": _upper(row["series"]),
            "date": f"{row['date']:%B %Y}",
            "kind": row["kind"],
            "observed": wording.number(row["observed"]),
            "early": "the same month"
            if not row["early"]
            else f"{abs(row['early'])} months {'late' if row['early'] > 0 else 'early'}".replace(
                "1 months", "1 month"
            ),
            "ratio": _fixed(row["ratio"]),
            "hit": "hit" if row["hit"] else "missed",
        }
        for row in rows.to_dict("records")
    ]


def _forecast(found: Validation) -> list[dict[str, str]]:
    rows = []
    for one in found.behaviour.series:
        s = one.statistics
        if not s.get("n_out"):
            continue
        rows.append(
            {
                "name": _upper(one.name),
                "unit": _unit_words(one),
                "role": "" if one.target.series.role == "fit" else "not fitted",
                "n": f"{s['n_out']:.0f}",
                "policies": _skill(s, "last_policies"),
                "seasonal": _skill(s, "seasonal_policies"),
                "events": _skill(s, "last_events"),
                "frozen": _skill(s, "last_frozen"),
                "wmape": _share(s["wmape_policies"]),
                "half": _share(s["coverage50_out"]),
                "most": _share(s["coverage90_out"]),
            }
        )
    return rows


def _skill(statistics: Mapping[str, float], which: str) -> str:
    value = statistics.get(f"skill_{which}", math.nan)
    if math.isfinite(value) and value < -9.995:
        return f"below {wording.MINUS}10"
    return _fixed(value)


def _forecast_counts(found: Validation) -> dict[str, str]:
    judged = judged_out_of_sample(found.behaviour)
    counts = {"n": str(len(judged))}
    for way in ("policies", "events", "frozen"):
        counts[way] = str(int((judged[f"skill_last_{way}"] > 0).sum())) if len(judged) else "0"
    return counts


def _identified(row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        "constant": str(row["constant"]),
        "prior": f"{wording.rounded(row['prior_low'])} to {wording.rounded(row['prior_high'])}",
        "posterior": f"{wording.rounded(row['low'])} to {wording.rounded(row['high'])}",
        "median": wording.rounded(row["median"]),
        "ratio": _fixed(row["ratio"]),
        "bar": f"{min(float(row['ratio']), 1.0):.2f}",
        "untold": "untold" if row["untold"] else "",
        "reading": ("hardly told by the data" if row["untold"] else "")
        + ("; " if row["untold"] and row["at_bound"] else "")
        + ("at an end of its range" if row["at_bound"] else ""),
    }


def _untold(found: Validation) -> list[dict[str, str]]:
    words = {
        "free": "free constants",
        "split": "levels of single origins",
        "shock": "sizes of dated shocks",
        "later": "sizes of shocks after the fit",
    }
    rows = []
    for kind, word in words.items():
        part = found.identified[found.identified["kind"] == kind]
        if len(part):
            untold = part[part["untold"]]
            rows.append(
                {
                    "kind": word,
                    "count": str(len(part)),
                    "untold": str(len(untold)),
                    "bound": str(int(part["at_bound"].sum())),
                    "names": ", ".join(untold["constant"].head(_FEW_FREE)),
                }
            )
    return rows


def _sensitivity(found: Validation) -> dict[str, Any]:
    table = found.sensitivity
    base, moved = table.iloc[0], table.iloc[1:]
    modes = [c for c in table.columns if c not in ("constant", "end", "value", "hits", "points", "changed")]
    rows = [
        {
            "constant": row["constant"],
            "end": row["end"],
            "value": wording.rounded(row["value"]),
            "hits": f"{row['hits']}",
            "changed": [
                f"{_upper(name)}: {_arrows(row[name])} in place of {_arrows(base[name])}"
                for name in filter(None, str(row["changed"]).split("; "))
            ],
        }
        for row in moved.to_dict("records")
        if row["changed"] or abs(int(row["hits"]) - int(base["hits"])) > 1
    ]
    return {
        "rows": rows,
        "base": [(_upper(name), _arrows(base[name])) for name in modes],
        "hits": int(base["hits"]),
        "points": int(base["points"]),
        "moved": moved["constant"].nunique(),
        "changing": len({row["constant"] for row in rows if row["changed"]}),
    }


def _arrows(course: str) -> str:
    """Write a mode of behaviour in arrows."""
    return course.replace("rise", "↑").replace("fall", "↓")


def _sector(one: Any) -> dict[str, Any]:
    pictures, rows = [], []
    for outcome in one.sector.compared:
        part = one.rows[one.rows["outcome"] == outcome.name]
        unit = "Case/Year" if outcome.is_rate else "Case"
        alone, whole = (fit.wmape(part["observed"], part[c]) for c in ("model", "whole"))
        alt = (
            f"{outcome.title}: observed, the sector alone (weighted error {100 * alone:.0f} per cent) and the whole "
            f"model ({100 * whole:.0f} per cent)."
        )
        figure = fits.alone_figure(one, outcome.name, unit=unit)
        words = "cases a year" if outcome.is_rate else "cases"
        pictures.append(picture(figure, title=outcome.title, unit=words, alt=alt))
        rows.append(
            {
                "title": outcome.title,
                "n": str(len(part)),
                "alone": _share(alone),
                "whole": _share(whole),
                "r2": _fixed(fit.r_squared(part["observed"], part["model"])),
            }
        )
    return {
        "title": one.sector.title,
        "driven": one.sector.driven,
        "series": one.sector.series,
        "stocks": ", ".join(one.stocks),
        "pictures": pictures,
        "legend": joint_legend(pictures),
        "rows": rows,
    }


def _projections(found: Validation) -> list[dict[str, Any]]:
    return [
        {
            "title": p.title,
            "id": p.id,
            "source": observations.sources().loc[p.source, "title"],
            "published": p.published,
            "assumptions": f"{wording.number(p.pending)} cases, {p.judges:,.0f} judges, {p.completions:,.0f} "
            f"completions each and {wording.number(p.receipts)} new cases a year, from {_month(p.start)}",
            "found": [_met(m) for m in met],
            "holds": all(m.holds for m in met),
        }
        for p, met in found.projections
    ]


def _met(one: Any) -> str:
    expected = one.expected
    if expected.pending is not None:
        published = wording.rounded(expected.pending)
        return f"{wording.rounded(one.found)} open cases in {_month(expected.month)}; published {published}"
    if expected.direction:
        return f"{expected.direction} to {wording.rounded(one.found)} by {_month(expected.month)}"
    when = _month(month_of(one.found - 1)) if math.isfinite(one.found) else "never"
    return f"cleared: {when}; published by {_month(expected.month)}"


def _projection_picture(found: Validation) -> Picture | None:
    titles = {p.id: p.title for p, _ in found.projections if p.receipts > 0}
    if not titles:
        return None
    table = found.projected[found.projected["id"].isin(titles)]
    figure = fits.projection_figure(table, titles)
    alt = "Open cases under each projection: the court sector alone as a line, the arithmetic by hand as points on it."
    return picture(figure, title="Court cases pending under given assumptions", unit="cases", alt=alt)


def _figures(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Figures by claim, those with one outside 20 % first."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for row in table.sort_values("within", kind="stable").to_dict("records"):
        document = f"{row['document']}, {row['section']}" if row["section"] else row["document"]
        group = groups.setdefault(
            (row["id"], row["what"]),
            {"id": row["id"], "what": row["what"], "document": document, "why": row["why"], "rows": []},
        )
        single = row["low"] == row["high"] or row["low"] < row["stated"] < row["high"]
        group["rows"].append(
            {
                "check": row["check"].split(":")[0] if row["id"] else row["check"],
                "stated": wording.number(row["stated"])
                if single
                else f"{_year_or_number(row['low'], row['check'])} to {_year_or_number(row['high'], row['check'])}",
                "model": _year_or_number(row["model"], row["check"]),
                "error": wording.percent(100 * row["error"]),
                "within": "yes" if row["within"] else "no",
                "status": row["status"],
            }
        )
    return list(groups.values())


def _year_or_number(value: float, check: str) -> str:
    return f"{value:.0f}" if check.startswith("year of") else wording.rounded(value)


def _figure_counts(table: pd.DataFrame) -> list[tuple[str, int, int]]:
    return [
        (
            status,
            int((table["status"] == status).sum()),
            int(table[table["status"] == status]["within"].sum()),
        )
        for status in ("emergent", "fitted", "input", "put in")
        if (table["status"] == status).any()
    ]


def _missed(table: pd.DataFrame, part: str) -> list[dict[str, Any]]:
    """Misses of one part by what is likely missing, the largest first; shares last: small ones double easily."""
    rows = table[table["part"] == part]
    share = rows["series"].str.startswith("share of")
    groups: dict[str, dict[str, Any]] = {}
    for row in pd.concat([rows[~share], rows[share]]).to_dict("records"):
        group = groups.setdefault(
            row["mechanism"], {"mechanism": row["mechanism"], "source": row["source"], "rows": []}
        )
        side = "too low" if row["difference"] < 0 else "too high"
        group["rows"].append(
            {
                "series": _upper(str(row["series"])),
                "year": str(row["year"]),
                "observed": wording.rounded(row["observed"]),
                "model": wording.rounded(row["model"]),
                "error": f"{wording.written(100 * row['error'])}{wording.PER_CENT} {side}",
                "share": _share(row["share"]),
                "outside": f"{row['outside']} of {row['values']} value{'s' * (row['values'] != 1)}",
                "judged": wording.judged(100 * row["error"]),
            }
        )
    return sorted(groups.values(), key=lambda group: group["mechanism"] == "")


def _sources(found: Validation) -> list[str]:
    titles: dict[str, None] = {}
    for one in found.behaviour.series:
        for text in one.target.sources:
            titles |= dict.fromkeys(wording.displayed(title) for title in text.split("; "))
    return sorted(titles)
