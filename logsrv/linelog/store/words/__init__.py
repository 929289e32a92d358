"""The word index of a sealed segment: it tells which frames cannot have a literal that is searched for.

The file is beside the segment, as `….log.zst.words`. It only excludes frames: a frame that it returns may
have the literal, all others cannot. So it indexes no words of a language, but parts that every text with
the literal must have as well:

- *runs*: three or more letters (ASCII, and `_`) side by side, at least one of which is no hexadecimal
  digit. The dictionary has each distinct run once, with the frames that it is in. The letters of a literal
  may be a part of a run (`imeou` in `timeouts`), so the dictionary is searched as text.
- *windows*: five word bytes (letters, digits, `_`, 0x80 and above) that are not all letters, or are all
  hexadecimal digits: parts of ids, of numbers, of text outside ASCII. The hash of a window is the number of
  a row with a bit for each frame.
- *address windows*: seven bytes, hexadecimal digits with at least two dots or at least two colons. Each has
  two hashes, because an address has few windows.
- windows of three letters, as bits, for runs that are not in the dictionary: runs next to a digit, as in
  random ids, and runs for which the dictionary has no room.
- the escapes `\\u` and `\\u00`, with which JSON may write any character: a bit each.

The index ignores the case of ASCII letters. The TIME at the beginning of a line is not indexed, so for a
literal that may be in a TIME the index excludes nothing. SOURCE is indexed.

    evidence.py  the parts that a frame with a literal must have, and their hashes (no NumPy: see there)
    lookup.py    reading an index: `WordIndex`, `frames_with` (no NumPy either)
    layout.py    the file, byte by byte
    scan.py      finding runs and windows in a frame with NumPy, which lets other threads run
    section.py   collecting runs and windows of up to 512 frames
    build.py     making the file of a segment, while it is sealed or later
"""
