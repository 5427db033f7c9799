"""Where build input comes from: the local context (directory, archive), git and http."""
