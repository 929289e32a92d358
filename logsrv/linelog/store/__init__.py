"""The store: lines appended to segments on disk, synced, sealed, removed and recovered.

Its files, in the order in which a line meets them; `segment.py` lists the files of a store on disk.

    interface   store.py, policy.py (options), valve.py (senders are paused), threads.py (three threads)
    writing     writer.py, active.py, durable.py (syncing); blocks.py: lines of other stores
    sealing/    a full segment is compressed by processes, and the oldest is removed
    starting    lock.py, format.py, identity.py; starting/ repairs what the last process left
    on disk     segment.py, disk.py, frames.py, times.py; index/ of a sealed segment
    notes/      small files beside the segments; file_owner.py gives root's files to the owner of
                the store; fault_state.py logs what keeps failing

words/ is the index of words.
"""
