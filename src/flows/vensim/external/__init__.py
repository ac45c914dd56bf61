"""Numbers and names that a model keeps in other files: spreadsheets, delimited text and data sets.

`files` says where they may lie, `sheets` opens them, `cells` reads numbers and names in them. What the GET functions
point at comes from `get`, whole data sets for data variables from `dataset`.
"""

from flows.vensim.external.dataset import dataset
from flows.vensim.external.files import Files, named_data_sets, tags
from flows.vensim.external.get import constants, elements, series

__all__ = ["Files", "constants", "dataset", "elements", "named_data_sets", "series", "tags"]
