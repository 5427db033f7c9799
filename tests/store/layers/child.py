"""What the tests let other processes do: ``child.py VERB PATH FORM ARGUMENT``, beginning when a line comes on stdin."""

from __future__ import annotations

import sys

from scow.oci.digest import Digest
from scow.store.layers.store import Layers
from scow.store.paths import Paths


def main(verb: str, path: str, form: str, argument: str) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(10):
        layers = Layers(Paths(f"{path}/root", f"{path}/run"), form)
        if verb == "lower":
            layers.lower(Digest.parse(argument))
        else:
            with open(argument, "rb") as stream:
                print(layers.ingest(stream).diff_id)


main(*sys.argv[1:])
