"""Manual pages and completions of shells, from the one declaration of a command's options."""
