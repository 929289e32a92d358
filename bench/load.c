/* The load generator: sends numbered lines to a server and reports in JSON what it sent, and when.
 *
 *   load stream TARGET --lines N --size BYTES --connections C --variant V --probe-every MS
 *   load udp    TARGET --lines N --size BYTES --connections C --rate PER_SECOND --separate
 *   load slow   TARGET --connections C --seconds S      one line per second on each connection
 *   load idle   TARGET --connections C                  opens them, holds them until stdin ends
 *
 * TARGET is tcp:PORT, tls:PORT (with -DTLS), udp:PORT (on 127.0.0.1) or unix:PATH. Sizes include the
 * line ending, or the count before a message: the variants syslog and counted send syslog messages
 * that end with LF, or begin with their length (RFC 6587).
 *
 * It shares the machine with the server it measures, so it has one thread and one block of 64 KiB. Before
 * each send, it overwrites twelve bytes of each line with the numbers of the block and the connection. A
 * block that the kernel took only in part is numbered again before the rest is sent, which is cheaper
 * than a buffer for each connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tls.h"

enum {
    BLOCK = 65536,
    HEADER = 18, /* "bNNNNNNcCCCClLLLL ": block, connection, line within the block */
    PATCHED = 12,
    EVENTS = 64,
    BLOCKS_PER_EVENT = 4,
    DATAGRAMS = 64,            /* the kernel's limit of segments in one send */
    GSO_BYTES = 65000,         /* below the largest UDP payload */
    MAX_BLOCK_NUMBER = 999999, /* six digits */
    MAX_CONNECTIONS = 10000,   /* four digits */
};

struct connection {
    int fd;
    tls_session *tls; /* or NULL */
    uint64_t lines_left;
    uint32_t number, block_number;
    size_t offset, length; /* of the block being sent */
};

static struct options {
    const char *target, *variant;
    uint64_t lines, rate;
    size_t size;
    unsigned connections, seconds, probe_every;
    bool separate; /* no UDP_SEGMENT, so that UDP_GRO at the other end cannot join datagrams */
} opt = {.variant = "plain", .lines = 1000000, .rate = 100000, .size = 100, .connections = 1,
         .seconds = 10};

static char block[BLOCK];
static size_t lines_per_block;
static char front[64]; /* of each line, before its header */
static size_t front_length;

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
}

static void report(uint64_t lines, uint64_t bytes, uint64_t start, uint64_t end, const char *extra)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"lines\": %llu, \"bytes\": %llu, \"start\": %.6f, \"end\": %.6f, "
           "\"user\": %.6f, \"system\": %.6f%s}\n",
           (unsigned long long)lines, (unsigned long long)bytes, (double)start / 1e9,
           (double)end / 1e9, (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6,
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6, extra);
    fflush(stdout);
}

static int open_connection(void)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un un;
    } address = {0};
    socklen_t length = sizeof address.in;
    bool datagram = strncmp(opt.target, "udp:", 4) == 0;
    if (strncmp(opt.target, "unix:", 5) == 0) {
        if (strlen(opt.target + 5) >= sizeof address.un.sun_path)
            fail("the path %s is too long for a socket", opt.target + 5);
        address.un.sun_family = AF_UNIX;
        strcpy(address.un.sun_path, opt.target + 5);
        length = sizeof address.un;
    } else if (datagram || strncmp(opt.target, "tcp:", 4) == 0 ||
               strncmp(opt.target, "tls:", 4) == 0) {
        address.in.sin_family = AF_INET;
        address.in.sin_port = htons((uint16_t)atoi(opt.target + 4));
        address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        fail("the target %s is not tcp:PORT, tls:PORT, udp:PORT or unix:PATH", opt.target);
    }
    int fd = socket(address.any.sa_family, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, &address.any, length) < 0)
        fail("cannot connect to %s: %s", opt.target, strerror(errno));
    return fd;
}

static struct connection *open_connections(void)
{
    struct connection *all = calloc(opt.connections, sizeof *all);
    for (unsigned i = 0; i < opt.connections; i++) {
        /* A pause after every eighth, so that a listen queue of 50 does not overflow. */
        if (i % 8 == 7)
            usleep(1000);
        all[i].fd = open_connection();
        if (strncmp(opt.target, "tls:", 4) == 0 && (all[i].tls = tls_start(all[i].fd)) == NULL)
            fail("no TLS with %s (or this load was compiled without)", opt.target);
        all[i].number = i;
        all[i].lines_left = opt.lines / opt.connections + (i < opt.lines % opt.connections);
    }
    return all;
}

/* Make the text before each line's header: the count and the syslog header, or nothing. */
static void prepare_front(void)
{
    static const char message[] = "<13>Nov 20 06:23:18 host app[42]: ";
    int digits = 0;
    if (strcmp(opt.variant, "counted") == 0) {
        /* "97 " and 97 bytes are 100 bytes; no count makes 102. */
        for (digits = 1; snprintf(front, sizeof front, "%zu ", opt.size - digits - 1) != digits + 1;)
            if (++digits > 5)
                fail("no counted message has %zu bytes, its count among them", opt.size);
    }
    if (digits || strcmp(opt.variant, "syslog") == 0)
        strcat(front, message);
    front_length = strlen(front);
    if (opt.size < front_length + HEADER + 2)
        fail("a message of %zu bytes: at least %zu are possible", opt.size, front_length + HEADER + 2);
}

/* Fill the block with whole lines (or datagrams and counted messages, which have no ending). */
static void prepare_block(const char *ending)
{
    prepare_front();
    const char *text = strcmp(opt.variant, "utf8") == 0
                           ? "Строка журнала 日志行 наконец доставлена 记录完毕 "
                           : "the quick brown fox jumps over the lazy dog 0123456789 ";
    bool control = strcmp(opt.variant, "control") == 0;
    size_t text_length = strlen(text), ending_length = strlen(ending);
    lines_per_block = BLOCK / opt.size;
    for (size_t i = 0; i < lines_per_block; i++) {
        char *line = block + i * opt.size, header[HEADER + 8];
        size_t end = opt.size - ending_length, at = front_length + HEADER;
        snprintf(header, sizeof header, "b000000c0000l%04u ", (unsigned)i);
        memcpy(line, front, front_length);
        memcpy(line + front_length, header, HEADER);
        while (at + text_length <= end) {
            memcpy(line + at, text, text_length);
            at += text_length;
        }
        size_t part = end - at; /* of the text, without cutting a character in two */
        while (part > 0 && ((unsigned char)text[part] & 0xC0) == 0x80)
            part--;
        memcpy(line + at, text, part);
        memset(line + at + part, '.', end - at - part);
        if (control && i % 100 == 50)
            line[front_length + HEADER] = '\x1b';
        memcpy(line + end, ending, ending_length);
    }
}

static void number_block(uint32_t block_number, uint32_t connection, size_t lines)
{
    char numbers[PATCHED + 16];
    snprintf(numbers, sizeof numbers, "b%06uc%04u", block_number, connection);
    char *line = block + front_length;
    for (size_t i = 0; i < lines; i++, line += opt.size)
        memcpy(line, numbers, PATCHED);
}

/* Send until the kernel takes no more, or for at most BLOCKS_PER_EVENT blocks; false when all is sent. */
static bool send_blocks(struct connection *c)
{
    for (int i = 0; i < BLOCKS_PER_EVENT; i++) {
        if (c->offset == c->length) {
            if (c->lines_left == 0)
                return false;
            size_t lines = c->lines_left < lines_per_block ? c->lines_left : lines_per_block;
            c->lines_left -= lines;
            c->length = lines * opt.size;
            c->offset = 0;
            c->block_number++;
        }
        number_block(c->block_number, c->number, c->length / opt.size);
        const char *data = block + c->offset;
        size_t length = c->length - c->offset;
        ssize_t n = c->tls != NULL ? tls_send(c->tls, data, length)
                                   : send(c->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n < 0)
            fail("the server ended connection %u: %s", c->number, strerror(errno));
        c->offset += (size_t)n;
    }
    return c->offset != c->length || c->lines_left != 0;
}

static void send_marked_line(int fd, unsigned number)
{
    char line[128];
    int n = snprintf(line, sizeof line, "marked line of connection %04u @sent=%020llu\n", number,
                     (unsigned long long)now_ns());
    if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
        fail("cannot send a marked line: %s", strerror(errno));
}

static void watch_all(int epoll, struct connection *all, uint32_t events)
{
    for (unsigned i = 0; i < opt.connections; i++) {
        struct epoll_event event = {.events = events, .data.ptr = &all[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) < 0)
            fail("epoll_ctl: %s", strerror(errno));
    }
}

/* Wait until the server closes: closing before it has read everything could lose the end. */
static void await_closed(int epoll, struct connection *all)
{
    struct epoll_event events[EVENTS];
    watch_all(epoll, all, EPOLLIN);
    for (unsigned open = opt.connections; open > 0;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            char rest[4096];
            ssize_t got = recv(c->fd, rest, sizeof rest, MSG_DONTWAIT);
            if (got > 0 || (got < 0 && errno == EAGAIN))
                continue;
            close(c->fd);
            open--;
        }
    }
}

static void run_stream(void)
{
    prepare_block(strcmp(opt.variant, "crlf") == 0      ? "\r\n"
                  : strcmp(opt.variant, "counted") == 0 ? ""
                                                        : "\n");
    if (opt.lines / opt.connections / lines_per_block >= MAX_BLOCK_NUMBER)
        fail("too many lines for one connection");
    struct connection *all = open_connections();
    int epoll = epoll_create1(EPOLL_CLOEXEC), probe = opt.probe_every ? open_connection() : -1;
    struct epoll_event events[EVENTS];
    watch_all(epoll, all, EPOLLOUT);
    uint64_t start = now_ns(), next_probe = start, probes = 0;
    for (unsigned sending = opt.connections; sending > 0;) {
        if (probe >= 0 && now_ns() >= next_probe) {
            send_marked_line(probe, opt.connections);
            next_probe += opt.probe_every * 1000000ull;
            probes++;
        }
        int n = epoll_wait(epoll, events, EVENTS, probe >= 0 ? (int)opt.probe_every : -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (send_blocks(c))
                continue;
            /* Remove it from the set: epoll would report a hang-up again and again. */
            epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL);
            if (c->tls != NULL)
                tls_end(c->tls);
            shutdown(c->fd, SHUT_WR);
            sending--;
        }
    }
    report(opt.lines + probes, opt.lines * opt.size, start, now_ns(), "");
    await_closed(epoll, all);
}

static bool send_datagrams(int fd, size_t count, bool segmented)
{
    if (segmented)
        return send(fd, block, count * opt.size, 0) >= 0;
    static struct mmsghdr messages[DATAGRAMS];
    static struct iovec parts[DATAGRAMS];
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){.iov_base = block + i * opt.size, .iov_len = opt.size};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    for (size_t sent = 0; sent < count;) {
        int n = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
        if (n < 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static bool set_segmentation(const struct connection *all, size_t bytes)
{
    int size = (int)bytes;
    for (unsigned i = 0; i < opt.connections; i++)
        if (setsockopt(all[i].fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) < 0)
            return false;
    return true;
}

static void run_udp(void)
{
    prepare_block("");
    size_t batch = GSO_BYTES / opt.size < DATAGRAMS ? GSO_BYTES / opt.size : DATAGRAMS;
    struct connection *all = open_connections();
    bool segmented = !opt.separate && set_segmentation(all, opt.size);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    uint64_t start = now_ns(), sent = 0;
    for (uint32_t turn = 0; sent < opt.lines; turn++) {
        uint64_t due = start + (uint64_t)((double)sent / (double)opt.rate * 1e9), now = now_ns();
        /* One longer sleep before several batches costs less than a sleep before each. */
        if (due > now)
            sleep_until(due + 250000);
        size_t count = opt.lines - sent < batch ? opt.lines - sent : batch;
        number_block(turn % (MAX_BLOCK_NUMBER + 1), turn % opt.connections, count);
        if (!send_datagrams(all[turn % opt.connections].fd, count, segmented)) {
            if (!segmented || (errno != EIO && errno != EINVAL))
                fail("cannot send: %s", strerror(errno));
            segmented = false; /* this kernel cannot: again, one datagram each */
            set_segmentation(all, 0);
            continue;
        }
        sent += count;
    }
    report(sent, sent * opt.size, start, now_ns(),
           segmented ? ", \"segmented\": true" : ", \"segmented\": false");
}

static void run_slow(void)
{
    struct connection *all = open_connections();
    uint64_t start = now_ns(), lines = (uint64_t)opt.connections * opt.seconds;
    for (uint64_t i = 0; i < lines; i++) {
        sleep_until(start + i * 1000000000ull / opt.connections);
        send_marked_line(all[i % opt.connections].fd, (unsigned)(i % opt.connections));
    }
    report(lines, 0, start, now_ns(), "");
    while (getchar() != EOF) {}
}

static void run_idle(void)
{
    open_connections();
    report(0, 0, now_ns(), now_ns(), "");
    while (getchar() != EOF) {}
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"lines", 1, 0, 'n'},       {"size", 1, 0, 's'},    {"connections", 1, 0, 'c'},
        {"variant", 1, 0, 'v'},     {"rate", 1, 0, 'r'},    {"seconds", 1, 0, 't'},
        {"probe-every", 1, 0, 'p'}, {"separate", 0, 0, 'S'}, {0, 0, 0, 0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'n': opt.lines = strtoull(optarg, NULL, 10); break;
        case 's': opt.size = strtoull(optarg, NULL, 10); break;
        case 'c': opt.connections = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'v': opt.variant = optarg; break;
        case 'r': opt.rate = strtoull(optarg, NULL, 10); break;
        case 't': opt.seconds = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'p': opt.probe_every = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'S': opt.separate = true; break;
        default: exit(2);
        }
    }
    static const char *const variants[] = {"plain",   "crlf",   "utf8",
                                           "control", "syslog", "counted"};
    bool known = false;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        known |= strcmp(opt.variant, variants[i]) == 0;
    if (!known)
        fail("the variant %s is not plain, crlf, utf8, control, syslog or counted", opt.variant);
    if (opt.size < HEADER + 2 || opt.size > BLOCK)
        fail("a line of %zu bytes: %d to %d are possible", opt.size, HEADER + 2, BLOCK);
    if (opt.connections < 1 || opt.connections > MAX_CONNECTIONS)
        fail("%u connections: 1 to %d are possible", opt.connections, MAX_CONNECTIONS);
    if (opt.rate < 1 || opt.lines < 1)
        fail("--rate and --lines are at least 1");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    if (argc - optind != 2)
        fail("usage: load stream|udp|slow|idle TARGET [options]; see the top of load.c");
    opt.target = argv[optind + 1];
    static const struct { const char *name; void (*run)(void); } modes[] = {
        {"stream", run_stream}, {"udp", run_udp}, {"slow", run_slow}, {"idle", run_idle}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argv[optind], modes[i].name) == 0) {
            modes[i].run();
            return 0;
        }
    fail("the mode %s is not stream, udp, slow or idle", argv[optind]);
}
