"""How each kind of op is done: one module per kind, and the table that finds them."""
