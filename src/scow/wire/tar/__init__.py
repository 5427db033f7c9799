"""The tar codec: USTAR, PAX, GNU, star and V7 in; canonical USTAR with PAX where it must out.

    Entry            what a header says, and where in the stream the file's data lies
    Parser           push core without I/O
    scan             the entries of a stored tar, payload skipped
    Reader           pull: entries and their data from a stream
    Writer           deterministic archives

Broken and hostile archives raise ``Corrupt`` with the offset and the entry's name, never anything else. Where readers
differ, this one does what docker and containerd do (Go's archive/tar plus their extraction): unknown type flags are
refused, directories, links and devices have no data whatever their size field says, global PAX headers change nothing
unless asked for.
"""

from __future__ import annotations

from scow.wire.tar.entry import Entry, stored
from scow.wire.tar.parser import Parser
from scow.wire.tar.reader import Reader
from scow.wire.tar.scan import scan
from scow.wire.tar.writer import Writer

__all__ = ["Entry", "Parser", "Reader", "Writer", "scan", "stored"]
