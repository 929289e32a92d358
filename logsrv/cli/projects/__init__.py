"""Commands about projects and plugins: a new project, and what is installed."""
