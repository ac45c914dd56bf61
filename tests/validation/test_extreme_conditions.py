"""Extreme conditions of every sector as one table (Sterman 2000, ch. 21, table 21-4).

A row gives the sector, the condition, how it is set, and what must follow. Settings fill constants (all elements) and
lookups (one value for all time) from 2013 on, also beyond their plausible ranges. A statement compares sums over
elements: without a prefix the average of the last year, with `always` every saved month. `base` is the same measure of
the current course. In every row all numbers stay finite and no stock falls below zero.
"""

from __future__ import annotations

import operator
import re
from functools import cache

import numpy as np
import pytest
import xarray as xr

import flows
from flows import resources
from flows.model.model import Model

FROM_2013 = {"policy start time": 0.0, "lever phase in": 0.0625}
VAST = 1e9

Row = tuple[int, str, dict[str, float], list[str]]

# fmt: off
TABLE: list[Row] = [
    # sector 1
    (1, "nobody departs",
        {"base departure hazard": 0},
        ["always departures = 0", "encounters at US border < 0.3 base", "migrants in transit < 0.3 base",
         "people waiting in Mexico < 0.3 base", "people in US without a case > 0"]),
    (1, "everybody wants to depart at once",
        {"base departure hazard": 1},
        ["total departures > base", "always share at home > 3", "total departures < 1000000"]),
    (1, "all legal places open",
        {**FROM_2013, "legal pathways per month": 100_000, "family reunification places": 50_000,
         "resettlement places": 20_000, "work visas for Mexico": 5,
         "work visas for northern Central America": 20},
        ["departures < base", "departures > 0.1 base", "people admitted to stay > 100000",
         "always departures >= 0"]),
    (1, "no legal place at all",
        {"work visas for Mexico history": 0, "work visas for Guatemala history": 0,
         "work visas for Honduras history": 0, "work visas for El Salvador history": 0, "paroles history": 0,
         "work cards history": 0},
        ["always people admitted to stay = 0", "total departures > base", "temporary workers in US < 1",
         "always people on parole = 0"]),
    # sector 2
    (2, "no enforcement in Mexico",
        {**FROM_2013, "interception capacity": 0},
        ["interceptions by INM = 0", "people in INM detention < 0.01", "arrivals in the north > base",
         "encounters at US border > base"]),
    (2, "no limit to interception",
        {"base interception hazard": 1e6, "INM capacity history": VAST},
        ["share of desired interceptions done = 1", "interceptions by INM > base",
         "arrivals in the north < base"]),
    (2, "nobody tries again from the south",
        {"switch for trying again from the south": 0},
        ["always people trying again from the south = 0", "interceptions by INM < base",
         "people giving up in the south > base"]),
    (2, "Central America stops all it can",
        {**FROM_2013, "containment in Central America": 5, "capacity to contain in Central America": VAST,
         "base containment hazard in Central America": 0.5},
        ["entries at the southern border < base", "share of Central American containment done = 1"]),
    (2, "no smuggling to gain from",
        {"elasticity of smuggling to closure": 0},
        ["always smuggling capacity = 1"]),
    # sector 3
    (3, "COMAR without staff",
        {"initial COMAR staff": 0, "staff paid by Mexico": 0, "staff paid by international funds": 0},
        ["always decisions on live claims = 0", "COMAR pending cases > base", "COMAR wait = 120",
         "people recognised = 0", "claims abandoned > base"]),
    (3, "COMAR with staff for all",
        {**FROM_2013, "COMAR staff target": 1e4},
        ["claim decision rate = 0.2", "COMAR wait = 5", "COMAR pending cases < base",
         "abandoned COMAR files < base"]),
    (3, "nobody has heard of COMAR",
        {"initial knowledge of COMAR": 0},
        ["always knowledge of COMAR = 0", "always applicants from transit = 0", "COMAR applications < base"]),
    (3, "no free movement, ten times the relocation",
        {**FROM_2013, "free movement of applicants": 0, "COMAR relocation per month": 2500},
        ["refugees relocated > base", "always relocation rate <= 0.25", "refugees in the south < base"]),
    (3, "papers for everybody who asks",
        {**FROM_2013, "temporary regularisation": 1, "time to issue papers": 2},
        ["people waiting at COMAR < 0.5 base", "people with temporary papers > 1000",
         "people becoming residents > 0"]),
    # sector 4
    (4, "ports shut",
        {"port slots history": 0, "appointment slots history": 0, "appointments open": 0},
        ["always port admissions of listed people = 0", "always admissions by appointment = 0",
         "always people sent back at ports = 0", "list wait = 48"]),
    (4, "ports without limit",
        {**FROM_2013, "port admissions": 1e6},
        ["port admission rate = 4", "list wait < 1", "metering waitlist names < base",
         "port admissions of listed people > base"]),
    (4, "no shelter at all",
        {**FROM_2013, "shelter support": 0},
        ["always effect of shelter overload on drop out >= 0.9",
         "effect of shelter overload on drop out = 1.5", "people waiting in the north < base"]),
    (4, "an appointment for everybody",
        {**FROM_2013, "appointment slots per month": VAST, "political room future": 1,
         "switch for arrivals narrow room for reform": 0},
        ["appointment rate = 4", "appointment wait < 1", "admissions by appointment > base",
         "appointment access = 1"]),
    # sector 5
    (5, "border shut to all",
        {**FROM_2013, "expulsion share": 1, "encounter probability": 1, "port slots history": 0,
         "appointment slots history": 0, "appointments open": 0, "return cooperation": 2},
        ["stays in the US = 0", "chance of success = 0", "departures < base", "departures > 0",
         "releases at the border = 0", "closure pressure = 1"]),
    (5, "nobody is met between ports",
        {"encounter probability": 0},
        ["always people met between ports = 0", "always expulsions = 0", "always people enrolled in MPP = 0",
         "uncaught entries > base", "encounters at US border < base"]),
    (5, "nobody tries again after expulsion",
        {**FROM_2013, "expulsion share": 0.9, "switch for repeats after expulsion": 0},
        ["always retrying after expulsion = 0", "expelled people going home > base"]),
    (5, "no place in detention",
        {"detention capacity history": 0},
        ["always share detained = 0", "always detained people returned = 0"]),
    (5, "detention without limit",
        {"detention capacity history": VAST},
        ["share detained = 1", "overload returned = 0"]),
    (5, "Mexico refuses",
        {**FROM_2013, "expulsion share": 1, "MPP share": 0.5, "safe third country share": 0.5,
         "return cooperation": 0},
        ["expulsions = 0", "people placed in MPP = 0", "people sent to seek asylum in Mexico = 0",
         "removals at the border = 0"]),
    # sector 6
    (6, "no judge",
        {"initial judges": 0, "judge hires history": 0},
        ["always court completions per month = 0", "always people granted relief = 0",
         "court queue time = 600", "court cases pending > base"]),
    (6, "judges for all",
        {"base completions per judge": VAST},
        ["case completion rate = 0.5", "court queue time = 2", "court cases pending < 0.1 base",
         "average wait in court < 3"]),
    (6, "everybody granted relief",
        {"relief history": 1, "highest relief share": 1, "judges who read a law as protection": 0},
        ["always people ordered removed = 0", "always people whose case is closed otherwise = 0"]),
    (6, "no case from the interior",
        {"interior receipts history": 0},
        ["always people put into court from the interior = 0", "court cases pending < base"]),
    # sector 7
    (7, "nobody is removed from the interior",
        {**FROM_2013, "removal capacity": 0},
        ["interior removals = 0", "removals of people with orders = 0", "people with removal orders > base",
         "people parted from family by removal = 0"]),
    (7, "no returnee leaves again",
        {"switch for returnees leaving again": 0},
        ["always all returnees leaving again = 0", "reintegration success = 1",
         "encounters at US border < base"]),
    (7, "nobody returns at will",
        {"base voluntary return hazard": 0},
        ["always returns by own decision = 0", "recent voluntary returnees < 1",
         "unauthorised population > base"]),
    # sector 8
    (8, "everybody regularised",
        {**FROM_2013, "regularisation": 1, "share eligible for regularisation": 1,
         "switch for arrivals narrow room for reform": 0},
        ["total unauthorised population < base", "total regularised people > 3000000",
         "share of workers with papers > base"]),
    (8, "no remittances",
        {"base remittance per person": 0},
        ["always remittances = 0", "always remittance index = 0", "development capital = base"]),
    (8, "no temporary protection",
        {**FROM_2013, "temporary protection": 0},
        ["people with temporary protection < 100", "people in US without a case > base"]),
    (8, "no overstays",
        {"base overstays": 0},
        ["always overstays = 0", "unauthorised population < base"]),
    # sector 9
    (9, "no season of work",
        {**FROM_2013, "work visas for Mexico": 0, "work visas for northern Central America": 0},
        ["work visas issued = 0", "temporary workers in US < 1", "departures > base"]),
    (9, "work cards for everybody",
        {**FROM_2013, "Mexican work cards": VAST},
        ["permitted workers in Mexico > base", "always work cards for people in Mexico >= 0",
         "departures < base"]),
    # sector 10
    (10, "no violence",
        {"homicide in Mexico": 0, "homicide in Guatemala": 0, "homicide in Honduras": 0,
         "homicide in El Salvador": 0},
        ["people newly displaced = 0", "internally displaced people < 0.3 base", "departures < base",
         "departures > 0.4 base"]),
    (10, "violence beyond measure",
        {"homicide in Mexico": 1e5},
        ["people newly displaced > base", "always internally displaced people < 50000000",
         "departures > base"]),
    (10, "nobody flees north",
        {"base share fleeing north": 0},
        ["always displaced people fleeing north = 0", "internally displaced people > 0.5 base"]),
    # sector 12
    (12, "no money for protection",
        {**FROM_2013, "protection share of budget": 0},
        ["protection capacity < 0.01", "COMAR staff < base", "containment capacity > base",
         "COMAR pending cases > base"]),
    (12, "all money for protection",
        {**FROM_2013, "protection share of budget": 1},
        ["containment capacity < 0.1", "interceptions by INM < 0.3 base", "protection capacity > 5"]),
    (12, "consulates shut",
        {**FROM_2013, "consular capacity": 0},
        ["consular cases closed = 0", "consular wait = 120", "consular case backlog > base",
         "consular fees < 0.01"]),
    (12, "no political room",
        {"political room future": 0, **FROM_2013, "regularisation": 1, "legal pathways per month": 100_000},
        ["room for US reform = 0", "people admitted to stay = 0", "people regularised = 0"]),
    # sector 13
    (13, "no office near origin",
        {"registrations history": 0},
        ["always people registered near origin = 0", "always approvals near origin = 0"]),
    (13, "places near origin without limit",
        {**FROM_2013, "Safe Mobility places": VAST},
        ["approval rate near origin <= 0.04", "registrations near origin > base", "departures < base",
         "departures > 0.3 base"]),
    # human cost and all sectors together
    (14, "every agent acts lawfully",
        {**FROM_2013, "lawful enforcement": 1, "highest effect of lawful enforcement": 1},
        ["interception harm = 0", "exposure index < base", "interceptions by INM = base"]),
    (14, "no policy after January 2013",
        {"policy freeze time": 0},
        ["always expulsions = 0", "always people enrolled in MPP = 0", "always appointment slots = 0",
         "always paroles granted = 0", "COMAR staff < base", "always registrations near origin = 0"]),
    (14, "all loops cut",
        {"switch for": 0},
        ["always returnees leaving again = 0", "always retrying after expulsion = 0",
         "effect of perceived chance = 9", "effect of network = 9", "people newly displaced > 0"]),
    (14, "all loops closed, hypotheses among them",
        {"switch for": 1},
        ["total departures > 0", "exposure index > 0"]),
]
# fmt: on

RELATIONS = {
    "=": lambda a, b: abs(a - b) <= 1e-6 * max(1.0, abs(b)),
    "<": operator.lt,
    ">": operator.gt,
    "<=": lambda a, b: a <= b * (1 + 1e-9),
    ">=": lambda a, b: a >= b - 1e-9,
}
STATEMENT = re.compile(
    r"(?P<always>always )?(?P<left>.+?) (?P<relation><=|>=|=|<|>) (?:(?P<number>[\d.]+) ?)?(?P<right>.*)"
)


@cache
def _model() -> Model:
    return flows.read_vensim(resources.root() / "models" / "migration.mdl", units="error")


def _inputs(model: Model, settings: dict[str, float]) -> dict[str, object]:
    inputs: dict[str, object] = {}
    for name, value in settings.items():
        if name == "switch for":
            inputs |= {c.name: float(value) for c in model.constants if c.name.startswith(name)}
        elif name in model.lookups:
            inputs[name] = [(0.0, float(value)), (276.0, float(value))]
        else:
            shape = np.shape(np.asarray(model.constants[name].value))
            inputs[name] = np.full(shape, float(value)) if shape else float(value)
    return inputs


@cache
def _base() -> xr.Dataset:
    return flows.simulate(_model(), threads=1)


def _series(ds: xr.Dataset, measure: str) -> np.ndarray:
    """Sum over elements, by saved month."""
    values = ds[measure]
    return np.asarray(values.sum([d for d in values.dims if d != "time"]).values)


def _holds(ds: xr.Dataset, statement: str) -> tuple[bool, str]:
    parts = STATEMENT.fullmatch(statement)
    assert parts is not None, statement
    left = _series(ds, parts["left"])
    times = slice(None) if parts["always"] else slice(-12, None)
    number = float(parts["number"]) if parts["number"] else 1.0
    if parts["right"] == "base":
        right = number * _series(_base(), parts["left"])[times].mean()
    else:
        assert not parts["right"], statement
        right = number
    found = left[times] if parts["always"] else np.array([left[times].mean()])
    relation = RELATIONS[parts["relation"]]
    return all(
        relation(v, right) for v in found
    ), f"{found.min():.6g} to {found.max():.6g} against {right:.6g}"


@pytest.mark.parametrize(
    ("sector", "condition", "settings", "follows"), TABLE, ids=[f"{row[0]} {row[1]}" for row in TABLE]
)
def test_extreme_condition(
    sector: int, condition: str, settings: dict[str, float], follows: list[str]
) -> None:
    model = _model()
    ds = flows.simulate(model, _inputs(model, settings), threads=1)
    for stock in model.stocks:
        values = ds[stock.name].values
        assert np.isfinite(values).all(), stock.name
        assert values.min() >= -1e-9 * values.max(), f"{stock.name}: {values.min()}"
    failed = {s: found for s in follows for holds, found in [_holds(ds, s)] if not holds}
    assert failed == {}


def test_every_sector_has_two_conditions() -> None:
    sectors = [row[0] for row in TABLE]
    assert {s for s in sectors if sectors.count(s) >= 2} == {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14}
