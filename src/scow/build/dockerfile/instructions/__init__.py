"""The instructions of a Dockerfile as values, one module per family."""
