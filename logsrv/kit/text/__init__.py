"""Functions on text: escaping, file names, times, checksums, suggestions.

Functions here make text from outside safe, before it is shown on a terminal or used in a file name or in
JSON. Other functions make parts of messages: numbers with nouns, lists, "did you mean". Only the module
`terminal` does I/O: it writes to a stream.

Its modules:

escape, colours     control characters escaped, colours removed
paths               file names from outside
time                times as text
misspelt            names in an author's class that are ours misspelt
words, paragraphs   words of messages; text in lines of a width
checksums           lines and JSON with a checksum in them
outside_json        JSON from outside
quoted_text         patterns for quoted text
late_pattern        an expression that is compiled when it is first used
terminal            output to a terminal
"""
