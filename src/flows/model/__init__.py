"""The model: representation, checks, order of evaluation."""
