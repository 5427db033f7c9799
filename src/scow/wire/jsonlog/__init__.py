"""Container logs as docker's json-file driver writes them: one JSON object a line.

    {"log":"text\\n","stream":"stdout","time":"2026-01-02T03:04:05.678901234Z"}

A line of output is one record; output without a newline for 16 KiB becomes records whose log does not end in one.
"""

from __future__ import annotations

from scow.wire.jsonlog.read import follow, tail_offset
from scow.wire.jsonlog.record import Record, Splitter, decode, encode, timestamp

__all__ = ["Record", "Splitter", "decode", "encode", "follow", "tail_offset", "timestamp"]
