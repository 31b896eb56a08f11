/* SPDX-License-Identifier: Apache-2.0 */
/* The ticket: one sign-in round trip in progress, sealed in a cookie of its own. */
#ifndef DT_CORE_TICKET_H
#define DT_CORE_TICKET_H

#include "core/dt.h"
#include "core/seal.h"

#include <apr_errno.h>

/*
 * Why a cookie each, and not one for all: tabs that start at the same moment each get an answer
 * before any of them has sent a ticket back. In one shared cookie the last answer would win and
 * the other tabs would lose their way home. Why they cannot pile up: only navigations get one,
 * every answer that sets one deletes those beyond the newest DT_TICKETS_KEPT, and the whole is
 * bounded in bytes.
 */

#define DT_TICKET_NONCE 16
#define DT_TICKET_NAME 8      /* characters of the cookie name's end */
#define DT_TICKETS_KEPT 4     /* sign-ins in progress or just over that a browser remembers */
#define DT_TICKETS_READ 16    /* cookies looked at in one request; more are ignored */
#define DT_TICKETS_BYTES 3600 /* of the kept tickets' cookie values together */
#define DT_TICKET_MEMORY apr_time_from_sec(24 * 3600) /* a ticket older than that is forgotten */

typedef struct dt_ticket_t {
    unsigned char nonce[DT_TICKET_NONCE];
    apr_time_t issued;
    apr_time_t finished; /* when its callback signed somebody in; 0: not yet */
    int restarts;        /* how often this sign-in was started again */
    const char *return_to;
    dt_slice_t token; /* the cookie value it was read from */
} dt_ticket_t;

/** The tickets a browser holds, newest first. */
typedef struct dt_tickets_t {
    dt_ticket_t held[DT_TICKETS_READ];
    int count;
} dt_tickets_t;

/** One change to the browser's ticket cookies. */
typedef struct dt_ticket_cookie_t {
    const char *name;  /* DT_TICKET_NAME lower-case hex characters */
    const char *value; /* NULL: delete it */
} dt_ticket_cookie_t;

/** A new ticket with a random nonce, issued now. APR_EGENERAL when there is no randomness. */
apr_status_t dt_ticket_new(const dt_call_t *call, const char *return_to, int restarts,
                           dt_ticket_t *ticket);

/** The state parameter that stands for the ticket: 22 characters of base64url. */
const char *dt_ticket_state(apr_pool_t *pool, const dt_ticket_t *ticket);

/** The end of the name of the ticket's cookie. It reveals nothing the browser does not know. */
const char *dt_ticket_name(apr_pool_t *pool, const dt_ticket_t *ticket);

/**
 * Seal the ticket into a cookie value. More than 255 restarts are written as 255.
 * @return APR_EINVAL when the return address is not a path of at most DT_RETURN_MAX bytes, or a
 *         number is negative; else as dt_seal
 */
apr_status_t dt_ticket_seal(const dt_keyring_t *keys, const dt_call_t *call,
                            const dt_ticket_t *ticket, dt_slice_t *token);

/**
 * Open the ticket cookies of a request: those that do not open, or are older than
 * DT_TICKET_MEMORY, are left out; never fails. Reads at most DT_TICKETS_READ.
 */
void dt_tickets_open(const dt_keyring_t *keys, const dt_call_t *call, const dt_slice_t *tokens,
                     int count, dt_tickets_t *tickets);

/** The held ticket that state stands for, or NULL. */
dt_ticket_t *dt_tickets_find(dt_tickets_t *tickets, const char *state);

/** How many held tickets signed somebody in within the minute before now. */
int dt_tickets_bounces(const dt_tickets_t *tickets, apr_time_t now);

/**
 * Which held tickets must go so that, with one more whose cookie value has extra bytes, at most
 * DT_TICKETS_KEPT and DT_TICKETS_BYTES remain: the oldest first. except stays (may be NULL).
 * @param names filled with up to DT_TICKETS_READ names, from pool
 * @return how many
 */
int dt_tickets_surplus(apr_pool_t *pool, const dt_tickets_t *tickets, const dt_ticket_t *except,
                       apr_size_t extra, const char **names);

#endif
