"""A model as one HTML page that needs no server: its kernel as JavaScript, and what stands around it."""
