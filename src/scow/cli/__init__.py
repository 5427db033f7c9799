"""The command line: one file per command under ``commands``, found by name and imported only when it is run."""
