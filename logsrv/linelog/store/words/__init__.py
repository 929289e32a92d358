"""The word index of a sealed segment: which of its frames cannot hold a text that is searched for.

It lies beside the segment as `….log.zst.words` and only ever rules frames out: a frame that it names
may hold the text, one that it does not name cannot. So it knows no words of a language, but what any
text that holds a literal must hold as well:

- *runs*: letters (ASCII, and `_`) side by side, three and more, one of them not a hexadecimal digit.
  The dictionary has each distinct run once, with the frames it is in; what is searched for lies inside
  one of them (`imeou` in `timeouts`), so the dictionary is scanned as text.
- *windows* of five word bytes (letters, digits, `_`, 0x80 and above) that are not all letters, or are
  all hexadecimal digits: ids, numbers, text outside ASCII. A hash of each is a row of bits, one for
  each frame.
- *address windows*: seven bytes that are hexadecimal digits and two dots or more, or digits and two
  colons or more. They set two bits, for addresses have few windows.
- runs that are not in the dictionary (beside a digit, as in random ids, or too many): all windows of
  three letters of theirs, as bits.
- the escapes `\\u` and `\\u00`, by which JSON may write any character: a bit each.

Cases of ASCII letters are one. The TIME that begins a line is left out, so a literal that may lie in it
is not decided; SOURCE is text like any other.

    evidence.py  what a literal requires of a frame, and the hashes (no NumPy: a search starts with it)
    lookup.py    reading an index: `Words`, `frames_with` (no NumPy either)
    layout.py    the file, byte by byte
    bits.py      what stands side by side in a text, by a bit for each byte
    scan.py      finding runs and windows in a frame, with NumPy, which lets other threads run
    section.py   collecting them over up to 512 frames
    build.py     the file of a segment, while it is sealed or later
"""
