/* The client's side of TLS for load.c, if it is compiled with -DTLS -lssl -lcrypto; else stubs.
 *
 * OpenSSL encrypts 2 to 3 GB a second with AES, several times the rate of any of the servers. The
 * server's certificate is not checked.
 */
#ifdef TLS
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>

typedef SSL tls_session;

/* Do the handshake over a connected socket, then make it non-blocking; NULL if the handshake failed. */
static tls_session *tls_start(int fd)
{
    static SSL_CTX *context;
    if (context == NULL) {
        context = SSL_CTX_new(TLS_client_method());
        /* load.c writes the rest of a partly sent block from the same buffer, but renumbers it before. */
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    SSL *session = SSL_new(context);
    if (session == NULL || SSL_set_fd(session, fd) != 1 || SSL_connect(session) != 1)
        return NULL;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return session;
}

/* Like send(2). SSL_write sends one record at a time, so it is called until all is sent or it would block. */
static ssize_t tls_send(tls_session *session, const char *data, size_t length)
{
    size_t sent = 0;
    while (sent < length) {
        int n = SSL_write(session, data + sent, (int)(length - sent));
        if (n <= 0) {
            int error = SSL_get_error(session, n);
            errno = error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? EAGAIN : EPIPE;
            break;
        }
        sent += (size_t)n;
    }
    return sent > 0 ? (ssize_t)sent : -1;
}

static void tls_end(tls_session *session)
{
    SSL_shutdown(session);
}
#else
typedef void tls_session;

static tls_session *tls_start(int fd)
{
    (void)fd;
    return NULL;
}

static ssize_t tls_send(tls_session *session, const char *data, size_t length)
{
    (void)session, (void)data, (void)length;
    return -1;
}

static void tls_end(tls_session *session)
{
    (void)session;
}
#endif
