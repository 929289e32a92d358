"""The memory of a process: freed memory is kept, and little address space is reserved.

Every chunk needs about 100 KiB for a millisecond. glibc returns such memory to the kernel as soon as
it is free, and takes it again, zeroed page by page, for the next chunk. Meanwhile it holds a lock that
the writer's thread needs as well. That was a third of the time spent in the kernel.
"""

from __future__ import annotations

import gc
import os

# <malloc.h>
M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8

MiB = 1 << 20


def keep_freed_memory(*, together: bool = False) -> bool:
    """Tell the C library to keep freed memory. Return False if it is not glibc.

    Call this before the first thread starts. together: whether all threads share one heap, which suits
    threads that do not run at the same time.
    """
    # Imported here because it is slow: a search for a rare word, which does not need it, takes no longer
    # than a few imports.
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = {M_MMAP_THRESHOLD: 32 * MiB, M_TRIM_THRESHOLD: 64 * MiB, M_TOP_PAD: 4 * MiB}
    if together:
        settings[M_ARENA_MAX] = 1
    return all(mallopt(ctypes.c_int(key), ctypes.c_int(value)) for key, value in settings.items())


def collect_rarely() -> None:
    """Let Python look for cycles of garbage less often: answers are many objects without any.

    It took a twelfth of the time of a search with 60,000 groups.
    """
    gc.set_threshold(50_000)


def reserve_little() -> None:
    """Let NumPy and Arrow reserve little address space, which is limited for a search over HTTP.

    Call this when a process begins, before they are loaded. Of NumPy's linear algebra, which we do not use,
    it is the stack of a thread for each core; to start these took 50 ms of each search.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
