"""The live page: its templates, scripts and style sheets, as files to send."""
