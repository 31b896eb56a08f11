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
 * the other tabs would lose their way home.
 *
 * Why a fixed number of slots, and not a name for each: such tabs cannot know of each other, so
 * no answer can delete what they set beside it, and a browser that restores sixty tabs would hold
 * sixty cookies: more than httpd reads of a header, and every page of the site would be answered
 * 400 until they expire. A cookie's name is its ticket's slot, so that the browser itself holds
 * no more than there are slots. Answers that do not know of each other take different slots
 * because each call has another turn; of more tabs than slots some lose their way home, and their
 * people go to the page by themselves.
 *
 * What is held: an answer that sets a new ticket deletes those beyond the newest DT_TICKETS_KEPT
 * and DT_TICKETS_BYTES; a finished ticket is set again in its own slot, where nothing grows. Only
 * tabs at the same moment come to more, at worst DT_TICKET_SLOTS cookies with DT_RETURN_MAX each:
 *
 *     record  1 + 16 + 6 + 6 + 1 + 1 + (700 + 1) = 732
 *     value   (732 + DT_SEAL_OVERHEAD) * 4 / 3   = 1020
 *     cookie  name of 40, "=", value, "; "       = 1063
 *     all     6 * 1063                           = 6378
 *
 * of the 8190 bytes that httpd reads of a header: the rest is for the session's cookie of the
 * usual length and for cookies of others.
 */

#define DT_TICKET_NONCE 16
#define DT_TICKET_SLOTS 6     /* cookies a browser can hold at all */
#define DT_TICKET_NAME 1      /* characters of the cookie name's end: the slot */
#define DT_TICKETS_KEPT 4     /* sign-ins in progress or just over that a browser remembers */
#define DT_TICKETS_READ 8     /* cookies looked at in one request; more are ignored */
#define DT_TICKETS_BYTES 3600 /* of the kept tickets' cookie values together */
#define DT_TICKET_MEMORY apr_time_from_sec(24 * 3600) /* a ticket older than that is forgotten */

typedef struct dt_ticket_t {
    unsigned char nonce[DT_TICKET_NONCE];
    int slot; /* 0 to DT_TICKET_SLOTS - 1 */
    apr_time_t issued;
    apr_time_t finished; /* when its callback signed somebody in; 0: not yet */
    int restarts;        /* how often this sign-in was started again */
    const char *return_to;
    dt_slice_t token; /* the cookie value it was read from */
} dt_ticket_t;

/** The tickets a browser holds, newest first; one of a slot. */
typedef struct dt_tickets_t {
    dt_ticket_t held[DT_TICKET_SLOTS];
    int count;
} dt_tickets_t;

/** One change to the browser's ticket cookies. */
typedef struct dt_ticket_cookie_t {
    const char *name;  /* DT_TICKET_NAME characters: the slot as a decimal digit */
    const char *value; /* NULL: delete it */
} dt_ticket_cookie_t;

/**
 * A new ticket with a random nonce, issued now. The call's turn says which slot it takes of those
 * that no held ticket has or only one that finished more than a minute ago; when there is none,
 * that of the oldest.
 * @return APR_EGENERAL when there is no randomness
 */
apr_status_t dt_ticket_new(const dt_call_t *call, const dt_tickets_t *held, const char *return_to,
                           int restarts, dt_ticket_t *ticket);

/** The state parameter that stands for the ticket: 22 characters of base64url. */
const char *dt_ticket_state(apr_pool_t *pool, const dt_ticket_t *ticket);

/** The end of the name of the ticket's cookie. */
const char *dt_ticket_name(apr_pool_t *pool, const dt_ticket_t *ticket);

/**
 * Seal the ticket into a cookie value. More than 255 restarts are written as 255.
 * @return APR_EINVAL when the return address is not a path of at most DT_RETURN_MAX bytes, a
 *         number is negative or there is no such slot; else as dt_seal
 */
apr_status_t dt_ticket_seal(const dt_keyring_t *keys, const dt_call_t *call,
                            const dt_ticket_t *ticket, dt_slice_t *token);

/**
 * Open the ticket cookies of a request: those that do not open, or are older than
 * DT_TICKET_MEMORY, or share their slot with a newer one (cookies of one name under two paths),
 * are left out; never fails. Reads at most DT_TICKETS_READ.
 */
void dt_tickets_open(const dt_keyring_t *keys, const dt_call_t *call, const dt_slice_t *tokens,
                     int count, dt_tickets_t *tickets);

/** The held ticket that state stands for, or NULL. */
dt_ticket_t *dt_tickets_find(dt_tickets_t *tickets, const char *state);

/** ticket, one of the held, no longer counts as held. */
void dt_tickets_remove(dt_tickets_t *tickets, dt_ticket_t *ticket);

/** How many held tickets signed somebody in within the minute before now. */
int dt_tickets_bounces(const dt_tickets_t *tickets, apr_time_t now);

/**
 * Which held tickets must go so that, with a new one in slot whose cookie value has extra bytes,
 * at most DT_TICKETS_KEPT and DT_TICKETS_BYTES remain: the oldest first. The held one of that slot
 * goes anyway, and is not among them.
 * @param names filled with less than DT_TICKET_SLOTS names, from pool
 * @return how many
 */
int dt_tickets_surplus(apr_pool_t *pool, const dt_tickets_t *tickets, int slot, apr_size_t extra,
                       const char **names);

#endif
