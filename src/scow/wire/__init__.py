"""Bytes on their way: tar, compression, digests, HTTP fetching, docker's stream framing and logs, canonical JSON."""
