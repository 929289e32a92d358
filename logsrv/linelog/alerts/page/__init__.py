"""Alerts on the page: readers see, make, silence and try them.

page_api        the endpoints of the page
saved_alerts    the alerts that are made there, in the file of `--alert-saved`; the command reads it too
would_fire      when the text of an alert would have fired, in a searching process
"""
