"""The store: lines appended to segments on disk, synced, sealed, removed and recovered.

Its files, in the order in which a line meets them; `segment.py` lists the files of a store on disk.

    interface   store.py, policy.py (options), valve.py (senders are paused), threads.py (three threads)
    writing     writer.py, active.py, durable.py (syncing); blocks.py and origins.py: lines of other stores
    sealing     sealer.py, seal.py, packer.py and packing.py (processes), retain.py (removal)
    starting    lock.py, format.py, recover.py, tidy.py, torn.py, identity.py
    on disk     segment.py, disk.py, frames.py, index.py, indexing.py, times.py, digest.py
    notes       segment_notes.py, backup_note.py, imported.py, archive_notes.py and manifest.py;
                file_owner.py gives root's files to the owner of the store; fault_state.py logs
                what keeps failing

words/ is the index of words.
"""
