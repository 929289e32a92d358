/* Records what a process and its children do to files below a directory, in one order, and fails calls on
 * request. It is preloaded (LD_PRELOAD); a test loads it as well, to take the lock, add a mark or set a rule.
 *
 * LD_POWERCUT_RECORD names a file that all of them map: `struct head`, then the records. A call that changes
 * something, or answers a peer, and its record are made under one lock, so the records are in the order of
 * the calls. A sync has two records, at its begin and at its end: it covers the calls before its begin.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 1 << 28, RULES = 8, ERRORS = 64, FDS = 4096, PATH = PATH_MAX + 16 };
enum kind { CREATE = 1, MKDIR, LINK, RENAME, UNLINK, RMDIR, WRITE, TRUNCATE, SYNC, SYNCED, SEND, MARK };

/* A call of `kind` on a path that matches the pattern fails with `error`, after `skip` others; 0: never.
 * A failing SYNC is a failed write-back, and so is a WRITE with `late`, at the next sync. */
struct rule { int32_t kind, skip, error, late, left; char pattern[108]; };
/* Linux reports a write-back error of a file once to each open file description.
 * `reported`: the errors reported so far; a description opened later does not report these. */
struct failed { uint64_t ino; uint32_t errors, reported; int32_t error; };
struct head {
    pthread_mutex_t lock;
    _Alignas(1024) uint64_t used; /* recording.py reads the fields from here to the root */
    uint64_t begin;
    uint32_t delay; /* of each sync, in microseconds: a slow disk */
    char root[PATH_MAX];
    struct rule rules[RULES];
    struct failed failed[ERRORS];
};
struct record { uint32_t size, kind; int64_t result; uint64_t ns, ino, offset; uint32_t pid, path, second, data; };

static struct head *head;
static uint32_t seen[FDS];

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

void powercut_lock(void) {
    if (pthread_mutex_lock(&head->lock) == EOWNERDEAD) pthread_mutex_consistent(&head->lock);
}

void powercut_unlock(void) { pthread_mutex_unlock(&head->lock); }

int powercut_attach(const char *path, const char *root, uint32_t delay) {
    int fd = REAL(open)(path, O_RDWR | O_CLOEXEC | (root ? O_CREAT : 0), 0600);
    if (fd < 0 || (root && REAL(ftruncate)(fd, SIZE))) return -1;
    struct head *mapped = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED) return -1;
    head = mapped;
    if (!root) return 0;
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&head->lock, &shared);
    snprintf(head->root, PATH_MAX, "%s", root);
    head->used = head->begin = (sizeof *head + 4095) & ~4095ul;
    head->delay = delay;
    return 0;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("LD_POWERCUT_RECORD");
    if (path && powercut_attach(path, NULL, 0)) abort();
}

/* Call with the lock held. Returns the position of the new record. */
static uint64_t put(enum kind kind, int64_t result, uint64_t ino, uint64_t offset, const char *path,
                    const char *second, const struct iovec *data, size_t length) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct record one = {0, kind, result, now.tv_sec * 1000000000ull + now.tv_nsec, ino, offset, getpid(),
                         strlen(path), strlen(second), length};
    one.size = (sizeof one + one.path + one.second + length + 7) & ~7ul;
    if (head->used + one.size > SIZE) abort();
    uint64_t at = head->used;
    char *to = (char *)head + at;
    to = mempcpy(to, &one, sizeof one);
    to = mempcpy(to, path, one.path);
    to = mempcpy(to, second, one.second);
    for (; length; data++) {
        size_t part = data->iov_len < length ? data->iov_len : length;
        to = mempcpy(to, data->iov_base, part);
        length -= part;
    }
    head->used = at + one.size;
    return at;
}

void powercut_mark(const char *text) {
    powercut_lock();
    put(MARK, 0, 0, 0, text, "", NULL, 0);
    powercut_unlock();
}

void powercut_rule(int place, int kind, const char *pattern, int skip, int error, int late, int times) {
    powercut_lock();
    struct rule *rule = &head->rules[place];
    *rule = (struct rule){kind, skip, error, late, times, ""};
    snprintf(rule->pattern, sizeof rule->pattern, "%s", pattern);
    powercut_unlock();
}

static int below(const char *path) {
    size_t length = strlen(head->root);
    return !strncmp(path, head->root, length) && (!path[length] || path[length] == '/');
}

/* Finds the path of a descriptor; returns whether the file is below the root. */
static int of_fd(int fd, char *path) {
    char link[32];
    if (!head) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static int of_name(int folder, const char *name, char *path) {
    char base[PATH];
    if (!head) return 0;
    if (name[0] == '/') snprintf(path, PATH, "%s", name);
    else if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
        snprintf(path, PATH, "%.2000s/%.2000s", base, name);
    } else {
        if (!of_fd(folder, base)) return 0;
        snprintf(path, PATH, "%.2000s/%.2000s", base, name);
    }
    return below(path);
}

static uint64_t ino_of(const char *path) {
    struct stat found;
    return lstat(path, &found) ? 0 : found.st_ino;
}

static uint64_t ino_of_fd(int fd) {
    struct stat found;
    return fstat(fd, &found) ? 0 : found.st_ino;
}

/* Call with the lock held. Returns the rule for this call. */
static struct rule *ruled(enum kind kind, const char *path) {
    for (struct rule *rule = head->rules; rule < head->rules + RULES; rule++)
        if (rule->kind == (int)kind && rule->left && !fnmatch(rule->pattern, path, 0)) {
            if (rule->skip-- > 0) continue;
            rule->left--;
            return rule;
        }
    return NULL;
}

/* The errors of a file; an entry without errors if it has had none. */
static struct failed *failed_of(uint64_t ino, int failing) {
    struct failed *one = head->failed;
    while (one->ino && one->ino != ino) one++;
    if (one == head->failed + ERRORS - 1) abort();
    if (failing) one->ino = ino;
    return one;
}

static int fails(enum kind kind, const char *path) {
    struct rule *rule = ruled(kind, path);
    if (rule && !rule->late) errno = rule->error;
    else if (rule) {
        struct failed *failed = failed_of(ino_of(path), 1);
        failed->errors++, failed->error = rule->error;
    }
    return rule && !rule->late;
}

static int opened(const char *name, int folder, int flags, mode_t mode) {
    char path[PATH];
    int (*call)(int, const char *, int, ...) = REAL(openat);
    if (!of_name(folder, name, path)) return call(folder, name, flags, mode);
    powercut_lock();
    int there = !faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW);
    int failing = flags & O_CREAT && !there && fails(CREATE, path);
    int fd = failing ? -1 : call(folder, name, flags, mode);
    int error = errno;
    if (fd >= 0) {
        uint64_t ino = ino_of_fd(fd);
        if (fd < FDS) seen[fd] = failed_of(ino, 0)->reported;
        if (!there) put(CREATE, fd, ino, 0, path, "", NULL, 0);
        else if (flags & O_TRUNC) put(TRUNCATE, 0, ino, 0, path, "", NULL, 0);
    }
    powercut_unlock();
    errno = error;
    return fd;
}

#define OPENED(folder, flags) \
    va_list more; va_start(more, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; va_end(more); \
    return opened(name, folder, flags, mode)
int open(const char *name, int flags, ...) { OPENED(AT_FDCWD, flags); }
int open64(const char *name, int flags, ...) { OPENED(AT_FDCWD, flags); }
int openat(int folder, const char *name, int flags, ...) { OPENED(folder, flags); }
int openat64(int folder, const char *name, int flags, ...) { OPENED(folder, flags); }

static int to_peer(int fd) {
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    if (!head || getpeername(fd, (struct sockaddr *)&peer, &length)) return 0;
    return peer.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&peer)->sin_port) : 0;
}

/* `call` is an expression; the bytes of `data` that it writes are recorded. at: -1 for the file's offset. */
#define WRITTEN(fd, data, at, call) \
    char path[PATH]; \
    int port = 0, file = of_fd(fd, path); \
    if (!file && !(port = to_peer(fd))) return call; \
    powercut_lock(); \
    ssize_t result = file && fails(WRITE, path) ? -1 : call; \
    int error = errno; \
    if (result > 0 && port) put(SEND, result, 0, port, "", "", data, result); \
    else if (result > 0) { \
        int64_t where = at; \
        if (where < 0) where = lseek(fd, 0, SEEK_CUR) - result; \
        put(WRITE, result, ino_of_fd(fd), where, path, "", data, result); \
    } \
    powercut_unlock(); \
    errno = error; \
    return result
#define ONE &(struct iovec){(void *)data, size}
ssize_t write(int fd, const void *data, size_t size) { WRITTEN(fd, ONE, -1, REAL(write)(fd, data, size)); }
ssize_t send(int fd, const void *data, size_t size, int how) { WRITTEN(fd, ONE, -1, REAL(send)(fd, data, size, how)); }
ssize_t sendto(int fd, const void *data, size_t size, int how, __CONST_SOCKADDR_ARG to, socklen_t length) {
    WRITTEN(fd, ONE, -1, REAL(sendto)(fd, data, size, how, to, length));
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { WRITTEN(fd, ONE, at, REAL(pwrite)(fd, data, size, at)); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { WRITTEN(fd, ONE, at, REAL(pwrite64)(fd, data, size, at)); }
ssize_t writev(int fd, const struct iovec *data, int count) { WRITTEN(fd, data, -1, REAL(writev)(fd, data, count)); }
ssize_t pwritev(int fd, const struct iovec *data, int count, off_t at) { WRITTEN(fd, data, at, REAL(pwritev)(fd, data, count, at)); }
ssize_t pwritev64(int fd, const struct iovec *data, int count, off64_t at) { WRITTEN(fd, data, at, REAL(pwritev64)(fd, data, count, at)); }

static int cut(int fd, off_t size) {
    char path[PATH];
    if (!of_fd(fd, path)) return REAL(ftruncate)(fd, size);
    powercut_lock();
    int result = fails(TRUNCATE, path) ? -1 : REAL(ftruncate)(fd, size), error = errno;
    if (!result) put(TRUNCATE, 0, ino_of_fd(fd), size, path, "", NULL, 0);
    powercut_unlock();
    errno = error;
    return result;
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

static int synced(int fd, int (*call)(int)) {
    char path[PATH];
    if (!of_fd(fd, path)) return call(fd);
    uint64_t ino = ino_of_fd(fd);
    powercut_lock();
    uint64_t at = put(SYNC, 0, ino, 0, path, "", NULL, 0);
    struct rule *rule = ruled(SYNC, path);
    struct failed *failed = failed_of(ino, rule != NULL);
    if (rule) failed->errors++, failed->error = rule->error;
    powercut_unlock();
    if (head->delay) usleep(head->delay);
    int result = call(fd), error = errno;
    powercut_lock();
    failed = failed_of(ino, 0);
    if (!result && fd < FDS && seen[fd] != failed->errors) {
        seen[fd] = failed->reported = failed->errors;
        result = -1, error = failed->error;
    }
    put(SYNCED, result, ino, at, path, "", NULL, 0);
    powercut_unlock();
    errno = error;
    return result;
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

/* A call that changes names: `path` and `second` are full paths, `call` is an expression. */
#define NAMED(kind, folder, name, other, second_name, after, call) \
    char path[PATH], second[PATH] = ""; \
    if (!of_name(folder, name, path) || (*(second_name) && !of_name(other, second_name, second))) return call; \
    powercut_lock(); \
    uint64_t ino = ino_of(path); \
    int result = fails(kind, path) ? -1 : call, error = errno; \
    if (!result) put(kind, 0, after ? ino_of(path) : ino, 0, path, second, NULL, 0); \
    powercut_unlock(); \
    errno = error; \
    return result
#define HERE AT_FDCWD
int mkdir(const char *a, mode_t m) { NAMED(MKDIR, HERE, a, HERE, "", 1, REAL(mkdir)(a, m)); }
int mkdirat(int f, const char *a, mode_t m) { NAMED(MKDIR, f, a, HERE, "", 1, REAL(mkdirat)(f, a, m)); }
int rmdir(const char *a) { NAMED(RMDIR, HERE, a, HERE, "", 0, REAL(rmdir)(a)); }
int unlink(const char *a) { NAMED(UNLINK, HERE, a, HERE, "", 0, REAL(unlink)(a)); }
int unlinkat(int f, const char *a, int how) { NAMED(how & AT_REMOVEDIR ? RMDIR : UNLINK, f, a, HERE, "", 0, REAL(unlinkat)(f, a, how)); }
int link(const char *a, const char *b) { NAMED(LINK, HERE, a, HERE, b, 0, REAL(link)(a, b)); }
int linkat(int f, const char *a, int g, const char *b, int how) { NAMED(LINK, f, a, g, b, 0, REAL(linkat)(f, a, g, b, how)); }
int rename(const char *a, const char *b) { NAMED(RENAME, HERE, a, HERE, b, 0, REAL(rename)(a, b)); }
int renameat(int f, const char *a, int g, const char *b) { NAMED(RENAME, f, a, g, b, 0, REAL(renameat)(f, a, g, b)); }
