"""How comparisons look in the terminal: a table for each outcome, clear at 80 columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flows.cli.numbers import RULE, change_text, number_text, signed_text, size_of
from flows.cli.terminal import NARROW, make_console, make_table, note, screen_width

if TYPE_CHECKING:
    from flows.compare import Comparison, Interaction
    from flows.inputs import Outcome

_EVENTS = ("interceptions by INM", "encounters at US border")
_PAIRS = 10  # pairs of scenarios shown
_LINES = 8  # side effects shown for a scenario
_MOST = 40  # scenarios of which each is shown; of more, so many at both ends:
_ENDS = 5


def print_comparison(comparison: Comparison, date: str, *, every: bool = False) -> None:
    """Print levels, changes and odds, then halving times and side effects.

    Parameters
    ----------
    comparison : Comparison
        As `flows.compare.compare` returns it.
    date : str
        Date shown, one of the comparison's.
    every : bool
        All outcomes, and not the main ones alone.
    """
    shown = _shown(comparison, every)
    for outcome in shown:
        _print_outcome(comparison, outcome, date)
    if date.isdigit():
        note(f"Beside {comparison.baseline}; stocks are those of 1 January, rates those of the year.")
    else:
        note(f"Change: beside {comparison.baseline}; {RULE}")
    if comparison.draws:
        draws = "1 draw" if comparison.draws == 1 else f"{comparison.draws} draws"
        note(
            "Level: one run with the numbers of the model. Change and interval: median and 90 % of "
            f"{draws}. P(better): share of draws in which a scenario does better than "
            f"{comparison.baseline}. Best: in which none does better. Regret: how far it stays behind the best on the "
            "same draw, mean, in the unit of the table."
        )
        _print_pairs(comparison, date)
    _print_halving(comparison)
    _print_side_effects(comparison, date)
    if len(shown) < len(comparison.outcomes):
        note(f"{len(comparison.outcomes) - len(shown)} more outcomes: --all, or comparison.csv.")


def _shown(comparison: Comparison, every: bool) -> list[Outcome]:
    from flows.compare import BACKLOGS, HUMAN_COST

    by_name = {outcome.name: outcome for outcome in comparison.outcomes}
    first = [by_name[name] for name in (*HUMAN_COST, *BACKLOGS, *_EVENTS) if name in by_name]
    if not first or every:
        first += [outcome for outcome in comparison.outcomes if outcome not in first]
    return first


def _print_outcome(comparison: Comparison, outcome: Outcome, date: str) -> None:
    """Print one outcome: a row for each scenario."""
    from flows.compare import HUMAN_COST, words

    rows = comparison.at(outcome.name, date)
    size = size_of(comparison.values[outcome.name].values, outcome.kind)
    drawn = comparison.draws > 0
    judged = outcome.better != "neither"
    unit = "index" if outcome.unit == "Dmnl" else outcome.unit
    title = f"{outcome.title or outcome.name}, {unit}, {words(date)}"
    title += " (human cost)" if outcome.name in HUMAN_COST else ""
    if judged:
        title += f"; better {outcome.better}"
    narrow = screen_width() < NARROW
    rows, left_out = _ends_of(rows, comparison.baseline, outcome)
    way = outcome.better if judged else "lower"
    heads = ["scenario", ">level", ">change"]
    if drawn:
        heads += [] if narrow else [">90 % interval"]
        heads += [">P(better)", ">best", ">regret"] if judged else [">P(lower)"]
    table = make_table(*heads, title=title)
    _widen(table, rows)
    for name, row in rows.items():
        cells = [number_text(row["value"], size)]
        base = name == comparison.baseline
        if not drawn:
            table.add_row(name, *cells, "" if base else change_text(row, size).strip("()"))
            continue
        told = not base and row["median"] == row["median"]
        percent = row["median_percent"] == row["median_percent"]
        ends = [row[k + "_percent" if percent else k] for k in ("median", "low", "high")]
        middle, low, high = (signed_text(x) if percent else number_text(x, size) for x in ends)
        sign = " %" if percent else ""
        change, interval = f"{middle}{sign}", f"{low} to {high}{sign}"
        if narrow:
            cells.append(f"{change}\n{interval}" if told else "")
        else:
            cells += [change, interval] if told else ["", ""]
        cells.append(f"{row['probability_' + way]:.2f}" if told else "")
        if judged:
            cells += [_share(row["share_best"]), number_text(_three(row["regret"]), size)]
        table.add_row(name, *cells)
    make_console().print(table)
    if left_out:
        both = f"{_ENDS} best and {_ENDS} worst" if judged else f"{_ENDS} lowest and {_ENDS} highest"
        note(f"Shown: {comparison.baseline}, the {both}; {left_out:,} more scenarios in comparison.csv.")


def _ends_of(
    rows: dict[str, dict[str, Any]], baseline: str, outcome: Outcome
) -> tuple[dict[str, dict[str, Any]], int]:
    """Rows at both ends where there are very many scenarios, and how many are left out."""
    if len(rows) <= _MOST:
        return rows, 0
    order = sorted((name for name in rows if name != baseline), key=lambda name: rows[name]["value"])
    if outcome.better == "higher":
        order.reverse()
    kept = [baseline, *order[:_ENDS], *order[-_ENDS:]]
    return {name: rows[name] for name in kept if name in rows}, len(rows) - len(kept)


def _few(names: list[str]) -> str:
    """Names in a row; of very many the first ones and how many more."""
    return (
        ", ".join(names)
        if len(names) <= _MOST
        else f"{', '.join(names[:_ENDS])} and {len(names) - _ENDS:,} more"
    )


def _widen(table: Any, names: Iterable[str]) -> None:
    """Give the first column the room that its names need, as far as the screen allows."""
    table.columns[0].min_width = min(max(map(len, names)), screen_width() // 3)


def _three(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.3g}") if value == value else value


def _print_pairs(comparison: Comparison, date: str) -> None:
    """Print how surely one scenario beats another, and how firm the order is."""
    from itertools import combinations

    from flows.compare import BACKLOGS, HUMAN_COST
    from flows.report.wording import SHORT

    names = [s.name for s in comparison.scenarios[1:]]
    held = [str(n) for n in comparison.odds["outcome"].values]
    chosen = [n for n in (*HUMAN_COST, *BACKLOGS) if n in held] or held
    room = max(2, (screen_width() - 26) // 12)
    if comparison.odds.sizes["other"] < len(comparison.scenarios):
        note(
            f"{len(comparison.scenarios):,} scenarios: odds stand for each beside {comparison.baseline}, not for all "
            "pairs, and how firm their order is isn't told."
        )
    elif len(names) >= 2 and chosen:
        odds = comparison.odds.sel(date=date)
        pairs = list(combinations(names, 2))
        heads = [">" + SHORT.get(n, n) for n in chosen[:room]]
        table = make_table(
            "first against second", *heads, title="Share of draws in which the first does better"
        )
        for first, second in pairs[:_PAIRS]:
            cells = [f"{float(odds.sel(outcome=n, scenario=first, other=second)):.2f}" for n in chosen[:room]]
            table.add_row(f"{first}\nagainst {second}", *cells)
        make_console().print(table)
        if len(pairs) > _PAIRS or len(chosen) > room:
            note("All pairs and all outcomes: odds.csv.")
    firm = comparison.ranks["stability"].sel(date=date)
    said = [
        f"{SHORT.get(n, n)} {100 * float(firm.sel(outcome=n)):.0f} %"
        for n in chosen
        if float(firm.sel(outcome=n)) == float(firm.sel(outcome=n))
    ]
    if said:
        note(
            "Order of the scenarios as by the medians, share of pairs over all draws: "
            + ", ".join(said)
            + "."
        )


def _print_halving(comparison: Comparison) -> None:
    """Print when backlogs halve, or that they never do."""
    rows = comparison.halving_table()
    if rows.empty:
        return
    last = _last_month(comparison)
    for name in dict.fromkeys(rows["outcome"]):
        part = rows[rows["outcome"] == name].to_dict("records")
        heads = [
            "scenario",
            ">halved by",
            *([">90 % interval", ">share of draws"] if comparison.draws else []),
        ]
        words = f"{part[0]['title']}: half of what {comparison.baseline} has in {_month(comparison.start)}"
        table = make_table(*heads, title=words)
        many = len(part) > _MOST
        if many:  # those that get there first
            part = sorted(part, key=lambda row: (row["month"] == "", row["month"]))[: 2 * _ENDS]
        _widen(table, [str(row["scenario"]) for row in part])
        for row in part:
            cells = [_month(row["month"]) or f"never by {last}"]
            if comparison.draws:
                ends = f"{_month(row['early']) or 'never'} to {_month(row['late']) or 'never'}"
                cells += [ends if row["share"] else "", f"{row['share']:.2f}"]
            table.add_row(row["scenario"], *cells)
        make_console().print(table)
        if many:
            note(f"Shown: the {2 * _ENDS} that get there first; the others in halving.csv.")
    back = rows[(rows["share"] > 0) & (rows["lasts"] < 0.5)]
    if not back.empty:
        said = []
        for name in dict.fromkeys(back["outcome"]):
            under = back[back["outcome"] == name]["scenario"]
            everywhere = len(under) == len(comparison.scenarios)
            said.append(f"{name}" + ("" if everywhere else " under " + _few(list(under))))
        note(
            "Halved for a time only, above half again later"
            + (" in most of those draws: " if comparison.draws else ": ")
            + "; ".join(said)
            + "."
        )


def _print_side_effects(comparison: Comparison, date: str) -> None:
    """Print what gets worse while something aimed at gets better."""
    found = comparison.side_effects(date=date)
    worse = found[found["side_effect"].astype(bool)]
    draws = "in nine draws of ten" if comparison.draws else "in one run each"
    if worse.empty:
        note(
            f"Side effects: no outcome gets worse by more than 1 % {draws} while a human cost or a backlog gets "
            "better."
        )
        return
    note(f"Side effects: worse by more than 1 % {draws}, while a human cost or a backlog gets better")
    named = list(dict.fromkeys(worse["scenario"]))
    shown = named if len(named) <= _MOST else named[:_ENDS]
    for name in shown:
        rows = worse[worse["scenario"] == name].to_dict("records")
        note(f"  {name}:")
        for row in rows[:_LINES]:
            change = row["median_percent"]
            size = (
                f"{signed_text(change)} %"
                if change == change
                else f"{number_text(row['median'])} {row['unit']}"
            )
            note(f"    {row['title']}: {size}")
        if len(rows) > _LINES:
            note(f"    and {len(rows) - _LINES} more: side-effects.csv")
    if len(shown) < len(named):
        note(f"  and under {len(named) - len(shown):,} more scenarios: side-effects.csv")
    note("")


def print_interaction(found: Interaction, most: int = 8) -> None:
    """Print which levers help and which undo each other, outcome by outcome."""
    from flows.compare import words
    from flows.compare.interaction import ALL

    rows, narrow = found.table, screen_width() < NARROW
    for name in dict.fromkeys(rows["outcome"]):
        part = rows[rows["outcome"] == name]
        one = part.iloc[0]
        unit = "%" if one["in_percent"] else one["unit"]
        title = f"{one['title']}, {words(found.date)}; change from {found.comparison.baseline} in {unit}"
        title += f"; better {one['better']}" if one["better"] != "neither" else ""
        heads = [
            "levers",
            ">added up",
            ">together",
            ">difference",
            *([] if narrow else [">90 % interval"]),
            "they",
        ]
        table = make_table(*heads, title=title)
        _widen(table, [part.name for part in found.parts])
        table.columns[-1].min_width = 10
        whole = part[part["first"] == ALL]
        pairs = part[part["first"] != ALL]
        told = pairs[pairs["verdict"] != ""]
        order = (pairs if told.empty else told)["interaction"].abs().sort_values(ascending=False).index
        order = order[: 1 if told.empty else most]
        for row in [*whole.to_dict("records"), *pairs.loc[order].to_dict("records")]:
            said = ALL if row["first"] == ALL else f"{row['first']}\n+ {row['second']}"
            numbers = [_effect(row[key], row["in_percent"]) for key in ("sum", "together", "interaction")]
            if found.comparison.draws:
                ends = (
                    f"{_effect(row['low'], row['in_percent'])} to {_effect(row['high'], row['in_percent'])}"
                )
                numbers = [*numbers[:2], f"{numbers[2]}\n{ends}"] if narrow else [*numbers, ends]
            elif not narrow:
                numbers.append("")
            table.add_row(said, *numbers, row["verdict"])
        make_console().print(table)
    note(
        "Shown: all together, and the pairs that help or undo each other, or the strongest where none does; all pairs "
        "in interaction.csv. Added up: what each does alone, summed. Together: both at once. Difference: the "
        "interaction, draw by draw, so that medians needn't add up; nothing is said of one whose interval holds zero "
        "or that is below 1 % of the baseline."
    )


def _effect(value: float, percent: bool) -> str:
    return signed_text(value) if percent else number_text(value)


def _share(value: Any) -> str:
    return f"{value:.2f}" if value == value else ""


def _month(text: str) -> str:
    """Write ``2030-12`` as ``Dec 2030``; nothing of nothing."""
    from flows.cli.numbers import short_month
    from flows.compare import words

    return short_month(words(text)) if text else ""


def _last_month(comparison: Comparison) -> str:
    from flows.calendar import month_of

    return _month(month_of(float(comparison.values["time"].values[-1]) - 1))
