"""The widgets of the window, their colours and their words."""
