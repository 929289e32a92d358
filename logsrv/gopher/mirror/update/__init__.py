"""Updates of a mirror: the copies of earlier runs, menus not to be believed, items still listed."""
