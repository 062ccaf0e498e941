"""The rooms of the house; each is the same plan repeated, see ARCHITECTURE.md."""

__version__ = "0.1.0"
