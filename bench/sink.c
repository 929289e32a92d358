/* A minimal server, as the upper limit: receives lines, stamps them, and writes them to one file.
 *
 *   sink --out FILE [--tcp PORT] [--udp PORT] [--unix PATH] [--plain]
 *
 * One thread, epoll, recv of 256 KiB. It copies `TIME SOURCE ` and each line into one buffer, and writes that
 * with one write(2) per recv. With --plain it adds no stamp.
 * SIGTERM ends it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    CHUNK = 262144,
    LONGEST = 65536, /* a longer line is cut in two */
    STAMP = 96,
    EVENTS = 64,
    DATAGRAMS = 128,
    /* Not a power of two: equal offsets in all buffers would share one set of the cache. */
    DATAGRAM = 65536 + 192,
    RECEIVE_BUFFER = 4 << 20, /* the same as in the peers' configurations */
};

enum kind { LISTENER, STREAM, DATAGRAMS_IN };

struct peer {
    int fd;
    enum kind kind;
    char source[STAMP - 32];
    char *rest; /* an unfinished line, or NULL */
    size_t rest_length;
};

static char input[LONGEST + CHUNK], output[(LONGEST + CHUNK) * (STAMP + 1)];
static size_t filled;
static int out = -1;
static bool plain;
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static void fail(const char *what)
{
    fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void flush_output(const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(out, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail("cannot write");
        data += n;
        length -= (size_t)n;
    }
}

static size_t make_stamp(char *stamp, const char *source)
{
    static time_t second;
    static char date[32];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != second) {
        struct tm parts;
        second = now.tv_sec;
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", gmtime_r(&second, &parts));
    }
    return (size_t)snprintf(stamp, STAMP, "%s.%06ldZ %s ", date, now.tv_nsec / 1000, source);
}

static void append(const char *data, size_t length)
{
    memcpy(output + filled, data, length);
    filled += length;
}

/* `data` is whole lines, each ended by LF. */
static void store_lines(const char *data, size_t length, const char *source)
{
    if (plain) {
        flush_output(data, length);
        return;
    }
    char stamp[STAMP];
    size_t stamp_length = make_stamp(stamp, source);
    filled = 0;
    for (const char *end = data + length; data < end;) {
        const char *next = (const char *)memchr(data, '\n', (size_t)(end - data)) + 1;
        append(stamp, stamp_length);
        append(data, (size_t)(next - data));
        data = next;
    }
    flush_output(output, filled);
}

static void keep_rest(struct peer *p, const char *data, size_t length)
{
    p->rest_length = length;
    if (length == 0) {
        free(p->rest);
        p->rest = NULL;
        return;
    }
    if (p->rest == NULL && (p->rest = malloc(LONGEST)) == NULL)
        fail("no memory");
    memcpy(p->rest, data, length);
}

/* Take one recv; false when the connection is over. */
static bool receive_stream(struct peer *p)
{
    size_t kept = p->rest_length;
    if (kept > 0)
        memcpy(input, p->rest, kept);
    ssize_t n = recv(p->fd, input + kept, CHUNK, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0) {
        if (kept > 0) {
            input[kept] = '\n';
            store_lines(input, kept + 1, p->source);
        }
        return false;
    }
    size_t length = kept + (size_t)n;
    const char *last = memrchr(input + kept, '\n', (size_t)n);
    size_t whole = last == NULL ? 0 : (size_t)(last - input) + 1;
    if (whole > 0)
        store_lines(input, whole, p->source);
    char *rest = input + whole;
    for (length -= whole; length >= LONGEST; rest += LONGEST - 1, length -= LONGEST - 1) {
        char after = rest[LONGEST - 1];
        rest[LONGEST - 1] = '\n';
        store_lines(rest, LONGEST, p->source);
        rest[LONGEST - 1] = after;
    }
    if (length > 0 || kept > 0)
        keep_rest(p, rest, length);
    return true;
}

static void name_source(char *source, size_t size, const char *wire, const struct sockaddr_in *a)
{
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &a->sin_addr, host, sizeof host);
    snprintf(source, size, "%s:%s:%u", wire, host, ntohs(a->sin_port));
}

static void receive_datagrams(struct peer *p)
{
    static char data[DATAGRAMS][DATAGRAM];
    static struct sockaddr_in from[DATAGRAMS];
    static struct mmsghdr messages[DATAGRAMS];
    static struct iovec parts[DATAGRAMS];
    for (int i = 0; messages[DATAGRAMS - 1].msg_hdr.msg_iov == NULL && i < DATAGRAMS; i++) {
        parts[i] = (struct iovec){.iov_base = data[i], .iov_len = DATAGRAM};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i],
                                              .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(p->fd, messages, DATAGRAMS, MSG_DONTWAIT, NULL);
    char stamp[STAMP];
    size_t stamp_length = 0;
    filled = 0;
    for (int i = 0; i < count; i++) {
        if (!plain && (i == 0 || memcmp(&from[i], &from[i - 1], sizeof from[i]) != 0)) {
            name_source(p->source, sizeof p->source, "udp", &from[i]);
            stamp_length = make_stamp(stamp, p->source);
        }
        append(stamp, stamp_length);
        append(data[i], messages[i].msg_len);
        append("\n", 1);
        if (filled > sizeof output - DATAGRAM - STAMP) {
            flush_output(output, filled);
            filled = 0;
        }
    }
    flush_output(output, filled);
}

static void watch(int epoll, int fd, enum kind kind, const char *source)
{
    struct peer *p = calloc(1, sizeof *p);
    if (p == NULL)
        fail("no memory");
    p->fd = fd;
    p->kind = kind;
    snprintf(p->source, sizeof p->source, "%s", source);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl");
}

static void accept_all(int epoll, const struct peer *listener)
{
    for (;;) {
        struct sockaddr_storage from = {0};
        socklen_t length = sizeof from;
        char source[STAMP - 32] = "unix:";
        int fd = accept4(listener->fd, (struct sockaddr *)&from, &length, SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (from.ss_family == AF_INET)
            name_source(source, sizeof source, "tcp", (struct sockaddr_in *)&from);
        watch(epoll, fd, STREAM, source);
    }
}

static void listen_inet(int epoll, int port, int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, size = RECEIVE_BUFFER;
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    else
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot bind");
    if (type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0)
        fail("cannot listen");
    watch(epoll, fd, type == SOCK_STREAM ? LISTENER : DATAGRAMS_IN, "");
}

static void listen_unix(int epoll, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        fail(path);
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, SOMAXCONN) < 0)
        fail("cannot listen");
    watch(epoll, fd, LISTENER, "");
}

static void read_options(int argc, char **argv, int epoll)
{
    static const struct option names[] = {{"out", 1, 0, 'o'},  {"tcp", 1, 0, 't'},
                                          {"udp", 1, 0, 'u'},  {"unix", 1, 0, 'x'},
                                          {"plain", 0, 0, 'p'}, {0, 0, 0, 0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'o': out = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640); break;
        case 't': listen_inet(epoll, atoi(optarg), SOCK_STREAM); break;
        case 'u': listen_inet(epoll, atoi(optarg), SOCK_DGRAM); break;
        case 'x': listen_unix(epoll, optarg); break;
        case 'p': plain = true; break;
        default: exit(2);
        }
    }
    if (out < 0)
        fail("--out FILE cannot be opened");
}

int main(int argc, char **argv)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    read_options(argc, argv, epoll);
    struct epoll_event events[EVENTS];
    while (!stopped) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;
            if (p->kind == LISTENER) {
                accept_all(epoll, p);
            } else if (p->kind == DATAGRAMS_IN) {
                receive_datagrams(p);
            } else if (!receive_stream(p)) {
                close(p->fd);
                free(p->rest);
                free(p);
            }
        }
    }
    return 0;
}
