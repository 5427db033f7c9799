"""scow: build, run and ship container images, without a daemon.

The package is a house of rooms (``docs/design/architecture.md``); a room imports only rooms on lower floors.
Nothing is imported here: start-up time is a feature.
"""

__version__ = "0.1.0"
