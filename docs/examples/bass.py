# %% [markdown]
# # A textbook model: how a new product spreads
#
# Bass's model (1969) as a Vensim file, `bass.mdl`, with a price over time in `price.csv`. Run this file as a whole, or
# cell by cell in an editor that knows `# %%`.

# %% Read the model; the data set that its settings name, which holds the price, is read with it
from pathlib import Path

import numpy as np
import xarray as xr

import flows

here = Path(__file__).parent
model = flows.read_vensim(here / "bass.mdl", units="error")
print(model)
for constant in model.constants:
    print(f"{constant.name} = {constant.value} {constant.units}")

# %% One run
base = flows.simulate(model)
print(base["Adopters"].sel(time=[5, 10, 20]).values.round(1))

# %% At the usual price Bass's equation has a solution in closed form; Runge-Kutta's method comes close to it
p, q, market = (model.constants[name].value for name in ("innovation", "imitation", "market"))
decay = np.exp(-(p + q) * base["time"])
exact = market * (1 - decay) / (1 + q / p * decay)
smooth = flows.simulate(model, method="rk4")
assert abs(smooth["Adopters"] - exact).max() < 1e-5 * market

# %% Constants, initial values, lookups and data are replaced by name; blanks, case and underscores don't matter
cheaper = flows.simulate(
    model,
    {
        "imitation": 0.5,
        "Potential adopters": 900,  # of a stock, the initial value
        "Adopters": 100,
        "effect of price": [(0, 2), (1, 1), (2, 0)],  # points of a lookup
        "price": [(0, 100), (10, 60), (20, 60)],  # points of a series over time
        "FINAL TIME": 15,
    },
)
assert cheaper["Adopters"].sel(time=10) > base["Adopters"].sel(time=10)

# %% A grid: each input brings a dimension of its own, and the results have them all
grid = flows.simulate(
    model,
    {
        "innovation": xr.DataArray([0.01, 0.03, 0.05], {"p": [0.01, 0.03, 0.05]}, dims="p"),
        "imitation": xr.DataArray([0.2, 0.38, 0.6], {"q": [0.2, 0.38, 0.6]}, dims="q"),
    },
    outcomes=["Adopters"],
)
print(grid["Adopters"].sel(time=10).to_pandas().round(0))

# %% A sample: inputs that share the dimension `draw` vary together
generator = np.random.default_rng(seed=1)
draws = {
    "innovation": xr.DataArray(generator.uniform(0.01, 0.05, 1000), dims="draw"),
    "imitation": xr.DataArray(generator.normal(0.38, 0.05, 1000), dims="draw"),
    # prices over time may differ from draw to draw as well
    "price": xr.DataArray(
        np.stack([np.full(1000, 100.0), generator.uniform(50, 150, 1000)], axis=1),
        {"time": [0.0, 20.0]},
        dims=("draw", "time"),
    ),
}
sample = flows.simulate(model, draws, outcomes=["Adopters", "adoption"])
print(sample["Adopters"].quantile([0.05, 0.5, 0.95], dim="draw").sel(time=[5, 10, 15]).values.round(0))
peak = sample["adoption"].idxmax("time")

# %% A sample too large for the memory: pieces, reduced as they come
total, runs = 0.0, 0
for piece in flows.simulate_chunks(model, draws, size=256, outcomes=["Adopters"]):
    total = total + piece["Adopters"].sum("draw")
    runs += piece.sizes["draw"]
mean = total / runs
assert runs == 1000
assert abs(mean - sample["Adopters"].mean("draw")).max() < 1e-6
