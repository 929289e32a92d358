/* A Gopher server for measuring clients: a menu of small texts, and one big binary.

       gopherspace ITEMS DELAY_MS BIG_BYTES

   Prints its port on 127.0.0.1 and serves until it is killed: "" is a menu of ITEMS texts of 70 bytes
   under /0 to /ITEMS-1, /big is BIG_BYTES bytes. Small answers are sent DELAY_MS after the request, like
   those of a distant server; any number of requests may wait at once. One thread, epoll. */

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

enum { MOST = 65536, LONGEST_REQUEST = 256 };

struct waiting {
    long due;
    ssize_t size;
    char request[LONGEST_REQUEST];
};

static struct waiting connections[MOST]; /* by descriptor */
static int queue[MOST];
static unsigned head, tail;
static char *menu;
static size_t menu_size;
static long big;
static char text[72];
static char block[65536];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void send_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0)
            return;
        data += sent;
        size -= sent;
    }
}

static void answer(int fd, const char *request)
{
    if (request[0] == '\0') {
        send_all(fd, menu, menu_size);
    } else if (strcmp(request, "/big") == 0) {
        long left = big;
        while (left > 0) {
            size_t size = left < (long)sizeof block ? (size_t)left : sizeof block;
            ssize_t sent = send(fd, block, size, MSG_NOSIGNAL);
            if (sent < 0)
                break;
            left -= sent;
        }
    } else if (request[1] >= '0' && request[1] <= '9') {
        send_all(fd, text, 70);
    } else {
        send_all(fd, "3not here\t\terror.host\t1\r\n.\r\n", 28);
    }
    close(fd);
}

/* Buffers a request until it is a whole line: curl sends it in two pieces. */
static void take(int poll, int fd, long delay)
{
    struct waiting *state = &connections[fd];
    ssize_t size = recv(fd, state->request + state->size, LONGEST_REQUEST - 1 - state->size, 0);
    if (size <= 0) {
        close(fd);
        return;
    }
    state->size += size;
    state->request[state->size] = '\0';
    if (state->request[state->size - 1] != '\n')
        return;
    state->request[strcspn(state->request, "\r\n\t")] = '\0';
    if (delay == 0) {
        answer(fd, state->request);
        return;
    }
    /* A client that gives up meanwhile would wake us all the time. */
    epoll_ctl(poll, EPOLL_CTL_DEL, fd, NULL);
    state->due = now_ms() + delay;
    queue[tail++ % MOST] = fd;
}

static void make_menu(int items, int port)
{
    FILE *file = open_memstream(&menu, &menu_size);
    for (int i = 0; i < items; i++)
        fprintf(file, "0item %d\t/%d\t127.0.0.1\t%d\r\n", i, i, port);
    fputs(".\r\n", file);
    fclose(file);
}

int main(int count, char **arguments)
{
    if (count != 4) {
        fputs("usage: gopherspace ITEMS DELAY_MS BIG_BYTES\n", stderr);
        return 2;
    }
    long delay = atol(arguments[2]);
    big = atol(arguments[3]);
    memset(text, 'x', sizeof text);
    memcpy(text + 68, "\r\n", 2);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)(i * 7);

    int listening = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listening, (struct sockaddr *)&address, length) || listen(listening, 1024) ||
        getsockname(listening, (struct sockaddr *)&address, &length))
        die("listen");
    make_menu(atoi(arguments[1]), ntohs(address.sin_port));
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening};
    epoll_ctl(poll, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        struct epoll_event events[64];
        long pause = head == tail ? -1 : connections[queue[head % MOST]].due - now_ms();
        int ready = epoll_wait(poll, events, 64, head != tail && pause < 0 ? 0 : (int)pause);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listening) {
                fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
                event.data.fd = fd;
                if (fd >= 0 && fd < MOST) {
                    connections[fd].size = 0;
                    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
                }
            } else {
                take(poll, fd, delay);
            }
        }
        for (; head != tail && connections[queue[head % MOST]].due <= now_ms(); head++)
            answer(queue[head % MOST], connections[queue[head % MOST]].request);
    }
}
