"""A model file from one version to the next: edits by program, differences, what they do to behaviour, each save."""
