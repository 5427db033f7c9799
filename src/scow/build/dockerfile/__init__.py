"""The Dockerfile frontend: text to stages (``parse``) to a build graph (``convert``).

Speaks docker/dockerfile 1.26. Bytes -> ``reader`` (logical lines) -> ``words`` (instruction, flags, arguments) ->
``instructions`` (values) -> ``stages`` (who needs whom) -> ``convert`` (the graph, and the image's configuration).
"""

from __future__ import annotations

from scow.build.dockerfile.convert.converter import convert
from scow.build.dockerfile.errors import DockerfileError
from scow.build.dockerfile.options import Conversion, Options
from scow.build.dockerfile.parser import Dockerfile, parse

__all__ = ["Conversion", "Dockerfile", "DockerfileError", "Options", "convert", "parse"]
