/* Loads an echo server of lines: `load visits|lines PORT SECONDS AT_ONCE`.
 *
 * visits: AT_ONCE clients connect, send a line, read it back, close, and connect again.
 * lines:  AT_ONCE clients send lines of 100 bytes and read them back, up to 64 KiB in flight in each.
 *
 * Prints the seconds it took and the number of complete visits, or of lines that came back. One thread; the
 * server under test has the other core.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 100, WINDOW = 64 * 1024 / LINE * LINE, EVENTS = 256, SOURCES = 16, PATIENCE_MS = 100 };

struct client {
    int fd;
    uint64_t sent, back;
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static char lines[WINDOW + LINE], answer[1 << 20];
static int epoll, visiting;
static unsigned arrived;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* Connects from one of several addresses: one address lacks ports for all connections in TIME_WAIT. */
static void arrive(struct client *client)
{
    client->sent = client->back = 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0)
        fail("socket");
    int one = 1;
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + arrived++ % SOURCES);
    if (bind(client->fd, (struct sockaddr *)&source, sizeof source) < 0)
        fail("bind");
    if (connect(client->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = client};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
        fail("epoll_ctl");
}

static void send_more(struct client *client)
{
    uint64_t window = visiting ? LINE : client->back + WINDOW;
    while (client->sent < window) {
        uint64_t most = window - client->sent;
        if (most > WINDOW)
            most = WINDOW;
        ssize_t sent = send(client->fd, lines + client->sent % LINE, most, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        client->sent += sent;
    }
}

/* Reads; returns the number of lines, or visits, that became complete. */
static uint64_t receive(struct client *client)
{
    uint64_t before = client->back / LINE;
    ssize_t got;
    while ((got = recv(client->fd, answer, sizeof answer, 0)) > 0)
        client->back += got;
    if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOTCONN)) {
        fprintf(stderr, "the server has closed a connection after %llu bytes\n",
                (unsigned long long)client->back);
        exit(1);
    }
    uint64_t whole = client->back / LINE - before;
    if (visiting && client->back >= LINE) {
        close(client->fd);
        arrive(client);
    }
    return whole;
}

int main(int count, char **words)
{
    if (count != 5)
        return fprintf(stderr, "load visits|lines PORT SECONDS AT_ONCE\n"), 2;
    visiting = strcmp(words[1], "visits") == 0;
    server.sin_port = htons(atoi(words[2]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    double seconds = atof(words[3]);
    unsigned at_once = atoi(words[4]);
    for (size_t i = 0; i < sizeof lines; i++)
        lines[i] = i % LINE == LINE - 1 ? '\n' : 'x';
    epoll = epoll_create1(0);
    struct client *clients = calloc(at_once, sizeof *clients);
    uint64_t whole = 0;
    double start = now(), end = start;
    for (unsigned i = 0; i < at_once; i++)
        arrive(&clients[i]);
    while ((end = now()) < start + seconds) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epoll, events, EVENTS, PATIENCE_MS);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            int fd = client->fd;
            whole += receive(client);
            if (client->fd == fd)
                send_more(client);
        }
    }
    printf("%.6f %llu\n", end - start, (unsigned long long)whole);
    return 0;
}
