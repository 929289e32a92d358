"""Notes beside the segments: small files that say what the lines alone do not.

Removed segments and where they went (archive_notes, manifest, digest), the backup that this is
(backup_note), segments that were imported (imported), whose lines a segment has (origins), and what is
known of each segment (segment_notes).
"""
