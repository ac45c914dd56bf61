"""The engine: representation → generated source → a run."""
