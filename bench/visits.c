/* Connects, reads the answer, closes, and connects again: `visits PORT VISITS AT_ONCE [ask|leave]`.
 *
 * Without the fourth argument a visitor sends nothing and reads until the server closes. With `ask` it sends
 * a line first; with `leave` it also closes as soon as a line came back.
 *
 * Prints the seconds it took, and the number of visits with an answer. One thread; the server under test
 * has the other core.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, SOURCES = 16, LINE = 100 };

static struct sockaddr_in server = {.sin_family = AF_INET};
static int epoll, asking, leaving;
static char line[LINE];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Connects from one of several addresses: one address lacks ports for all connections in TIME_WAIT. */
static void visit(unsigned number)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail("socket");
    int one = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number % SOURCES);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0)
        fail("bind");
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect");
    struct epoll_event event = {
        .events = asking ? EPOLLOUT : EPOLLIN | EPOLLRDHUP, .data.u64 = (uint64_t)fd << 1};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl");
}

/* Send the line on a new connection, and wait for the answer. */
static void ask(int fd)
{
    if (send(fd, line, sizeof line, MSG_NOSIGNAL) != sizeof line)
        fail("send");
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = (uint64_t)fd << 1};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) < 0)
        fail("epoll_ctl");
}

int main(int count, char **words)
{
    if (count < 4 || count > 5)
        return fprintf(stderr, "visits PORT VISITS AT_ONCE [ask|leave]\n"), 2;
    server.sin_port = htons(atoi(words[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    unsigned visits = atoi(words[2]), at_once = atoi(words[3]);
    asking = count == 5;
    leaving = asking && strcmp(words[4], "leave") == 0;
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    unsigned begun = 0, ended = 0, answered = 0;
    char answer[4096];
    struct timespec start, end;
    epoll = epoll_create1(0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (begun < visits && begun < at_once)
        visit(begun++);
    while (ended < visits) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epoll, events, EVENTS, 10000);
        if (ready <= 0)
            return fprintf(stderr, "nothing came for 10 s after %u visits\n", ended), 1;
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.u64 >> 1;
            if (events[i].events == EPOLLOUT) {
                ask(fd);
                continue;
            }
            ssize_t got = read(fd, answer, sizeof answer);
            if (got > 0) {
                answered++;
                if (!leaving && !(events[i].events & (EPOLLRDHUP | EPOLLHUP)))
                    continue;
                while (!leaving && read(fd, answer, sizeof answer) > 0)
                    ;
            } else if (got < 0 && errno == EAGAIN) {
                continue;
            }
            close(fd);
            ended++;
            if (begun < visits)
                visit(begun++);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.6f %u\n", end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9, answered);
    return 0;
}
