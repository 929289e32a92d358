"""The commands of the browser by subject: moving, following menus, and what is done with a page."""
