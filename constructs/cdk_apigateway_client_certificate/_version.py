"""The version, which only this file states. It ends in `.dev0` between releases.

Not importlib.metadata, which takes a third of this package's import.
"""

__version__ = "0.1.0.dev0"
