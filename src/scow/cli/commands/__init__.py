"""One file per command; each holds a ``COMMAND`` (see ``scow.cli.command``) and the function that carries it out."""
