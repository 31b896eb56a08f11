/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to a directory that wait for no byte for ever. */
#include "httpd/ldap_patience.h"

#include <sys/socket.h>
#include <sys/time.h>

#ifdef DT_HAVE_LDAP
#include <apr_ldap.h>
#endif

#define READ_SECONDS 2 /* until what has begun to come goes on */

#if defined(DT_HAVE_LDAP) && APR_HAS_LDAP && defined(LDAP_OPT_CONNECT_CB)

/*
 * libldap's time-outs are for the beginning of an answer: once that is there, it reads until the
 * answer is whole, and waits for ever when the rest does not come. With a time-out of the socket it
 * looks again at its own.
 */
static int on_connected(LDAP *ldap, Sockbuf *buffer, LDAPURLDesc *url, struct sockaddr *address,
                        struct ldap_conncb *callback)
{
    const struct timeval patience = {.tv_sec = READ_SECONDS};
    ber_socket_t fd = -1;

    (void)ldap;
    (void)url;
    (void)address;
    (void)callback;
    if (ber_sockbuf_ctrl(buffer, LBER_SB_OPT_GET_FD, &fd) > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    }
    return 0;
}

static void on_closing(LDAP *ldap, Sockbuf *buffer, struct ldap_conncb *callback)
{
    (void)ldap;
    (void)buffer;
    (void)callback;
}

static struct ldap_conncb callbacks = {on_connected, on_closing, NULL};

/* In the child, which never unloads this module: libldap keeps it, for all of httpd's connections,
 * and calls it until the last is closed. */
apr_status_t dth_ldap_patience_start(void *unused, apr_pool_t *pchild)
{
    (void)unused;
    (void)pchild;
    (void)ldap_set_option(NULL, LDAP_OPT_CONNECT_CB, &callbacks);
    return APR_SUCCESS;
}

#else /* another library than OpenLDAP's, or none */

apr_status_t dth_ldap_patience_start(void *unused, apr_pool_t *pchild)
{
    (void)unused;
    (void)pchild;
    return APR_SUCCESS;
}

#endif
