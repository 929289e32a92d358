"""The ways in which an alert's messages leave: a command or a webhook.

`delivery` chooses one by the options of an alert; `subreaper` is the parent of a command's processes.
"""
