"""Made-up models of any size, as Vensim writes them: sectors in a ring, each a stock with nine companions."""

from __future__ import annotations

SECTOR = """
stock {k} = INTEG(inflow {k} - outflow {k}, 100 + {k}) ~ Person ~ |
inflow {k} = rate {k} * stock {m} * effect {k} ~ Person/Month ~ |
outflow {k} = MIN(stock {k} / delay {k}, capacity {k}) ~ Person/Month ~ |
capacity {k} = base {k} * IF THEN ELSE(stock {k} > 150, 1.25, 1) + MAX(pressure {k}, 0) ~ Person/Month ~ |
ratio {k} = stock {k} / (stock {k} + stock {m}) ~ Dmnl ~ |
effect {k} = WITH LOOKUP(ratio {k}, ((0,1.4),(0.25,1.2),(0.5,1),(0.75,0.8),(1,0.6))) ~ Dmnl ~ |
pressure {k} = (stock {m} - stock {k}) * {share} ~ Person/Month ~ |
rate {k} = 0.04 ~ 1/Month ~ |
delay {k} = {delay} ~ Month ~ |
base {k} = 6 ~ Person/Month ~ |
"""
TRANSCENDENTAL = {
    "{share}": "0.1 * EXP(-ratio {k}) / (1 + ratio {k} ^ 1.5)",
}


def model(variables: int, *, steps: int = 1440, transcendental: bool = False) -> str:
    """Text of a model with so many variables (a multiple of ten, and four for control).

    Parameters
    ----------
    variables : int
        Half of them change over time, a fifth of these are stocks.
    steps : int
        Time steps of a run.
    transcendental : bool
        With an EXP and a power in each sector.
    """
    sector = SECTOR.replace("{share}", TRANSCENDENTAL["{share}"] if transcendental else "0.1")
    n = variables // 10
    parts = [
        sector.replace("{k}", str(k)).replace("{m}", str((k + 1) % n)).replace("{delay}", str(8 + k % 7))
        for k in range(n)
    ]
    control = (
        f"INITIAL TIME = 0 ~ Month ~ |\nFINAL TIME = {steps // 16} ~ Month ~ |\n"
        "TIME STEP = 0.0625 ~ Month ~ |\nSAVEPER = 1 ~ Month ~ |\n"
    )
    return "{UTF-8}\n" + "".join(parts) + control
