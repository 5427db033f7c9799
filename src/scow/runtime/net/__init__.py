"""The runtime/net room."""
