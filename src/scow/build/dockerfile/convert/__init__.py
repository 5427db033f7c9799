"""Stages to a build graph: one module per family of instructions; ``converter`` runs them in order."""
