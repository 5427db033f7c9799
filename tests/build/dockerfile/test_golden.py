"""Dockerfiles as people write them, and the graph, history and findings they give. ``SCOW_GOLDEN=write`` renews them."""

from __future__ import annotations

import json
import os

import pytest
from tests.build.dockerfile.samples import AMD64, resolve

from scow.build.dockerfile import Options, convert, parse
from scow.build.graph import describe
from scow.oci.platform import Platform

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "golden")
NAMES = sorted(n.removesuffix(".Dockerfile") for n in os.listdir(FOLDER) if n.endswith(".Dockerfile"))


def document(name: str) -> dict[str, object]:
    with open(os.path.join(FOLDER, f"{name}.Dockerfile"), "rb") as f:
        file = parse(f.read(), f"{name}.Dockerfile")
    options = Options(
        build_platform=AMD64,
        platform=Platform("linux", "arm64") if "cross" in name or "go-" in name else None,
        ignore=("*.md", "!README.md", ".git"),
    )
    made = convert(file, options, resolve)
    return {
        "graph": describe([made.edge] if made.edge else []),
        "config": made.config["config"],
        "history": [
            ("      " if h.get("empty_layer") else "layer ") + h["created_by"]
            for h in made.config["history"]
            if h["created_by"] != "base"
        ],
        "warnings": [str(w) for w in made.warnings],
        "arguments": [f"{a.name}={a.value}" for a in made.arguments],
    }


def test_there_is_a_corpus() -> None:
    assert len(NAMES) >= 30


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str) -> None:
    path = os.path.join(FOLDER, f"{name}.json")
    text = json.dumps(document(name), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("SCOW_GOLDEN") == "write":
        with open(path, "w") as f:
            f.write(text)
    with open(path) as f:
        assert text == f.read()
