"""The word index of a sealed segment: it tells which frames cannot hold a text that is searched for.

The file is beside the segment, as `….log.zst.words`. It only rules frames out: a frame that it names may
hold the text, a frame that it does not name cannot. So it has no words of a language, but parts that every
text with the literal must hold as well:

- *runs*: three or more letters (ASCII, and `_`) side by side, at least one of them no hexadecimal digit.
  The dictionary has each distinct run once, with the frames it is in. The letters of a literal may be a
  part of a run (`imeou` in `timeouts`), so the dictionary is searched as text.
- *windows*: five word bytes (letters, digits, `_`, 0x80 and above) that are not all letters, or are all
  hexadecimal digits: parts of ids, of numbers, of text outside ASCII. The hash of a window is the number of
  a row with a bit for each frame.
- *address windows*: seven bytes, hexadecimal digits with at least two dots or at least two colons. They
  have two hashes, because an address has few windows.
- runs that are not in the dictionary (beside a digit, as in random ids, or too many): their windows of
  three letters, as bits.
- the escapes `\\u` and `\\u00`, with which JSON may write any character: a bit each.

Upper and lower case of ASCII letters are not distinguished. The TIME at the beginning of a line is not
indexed, so the index cannot decide about a literal that may be in a TIME. SOURCE is indexed.

    evidence.py  what a literal requires of a frame, and the hashes (no NumPy: a search starts with it)
    lookup.py    reading an index: `Words`, `frames_with` (no NumPy either)
    layout.py    the file, byte by byte
    bits.py      finding bytes of a class side by side, by a bit for each byte
    scan.py      finding runs and windows in a frame, with NumPy, while other threads can run
    section.py   collecting runs and windows of up to 512 frames
    build.py     making the file of a segment, while it is sealed or later
"""
