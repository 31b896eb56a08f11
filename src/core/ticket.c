/* SPDX-License-Identifier: Apache-2.0 */
/* The ticket: one sign-in round trip in progress, sealed in a cookie of its own. */
#include "core/ticket.h"

#include "core/bytes.h"
#include "core/record.h"
#include "core/url.h"

#include <apr_strings.h>
#include <string.h>

/*
 * Record: version (1 byte, 2) | nonce (16) | issued | finished | restarts (1 byte) | slot
 * (1 byte) | return address, in the forms of record.h.
 */
#define VERSION 2
#define RESTARTS_MAX 255
#define RECORD_MAX (1 + DT_TICKET_NONCE + 2 * DT_RECORD_TIME + 1 + 1 + 1 + DT_RETURN_MAX)
#define STATE_LEN 22 /* characters of base64url for a nonce */
#define BOUNCE apr_time_from_sec(60)
#define AHEAD apr_time_from_sec(15 * 60)

static dt_slice_t nonce_of(const dt_ticket_t *ticket)
{
    return (dt_slice_t){(const char *)ticket->nonce, DT_TICKET_NONCE};
}

/* The held ticket of slot: its index, or -1. */
static int held_in(const dt_tickets_t *tickets, int slot)
{
    int i = tickets->count - 1;

    while (i >= 0 && tickets->held[i].slot != slot) {
        i--;
    }
    return i;
}

/* Both ways: another node may have finished it, with a clock that is ahead, though not by so much
 * that it would not have taken the ticket. */
static bool is_bounce(const dt_ticket_t *ticket, apr_time_t now)
{
    const apr_interval_time_t since = now - ticket->finished;

    return ticket->finished > 0 && since <= BOUNCE && since >= -AHEAD;
}

/* By turn among those that are open, so that calls that see the same tickets still differ. What
 * finished a while ago only serves the back button: it does not keep a tab from its way home. */
static int choose_slot(const dt_call_t *call, const dt_tickets_t *held)
{
    int open[DT_TICKET_SLOTS];
    apr_uint32_t count = 0;

    for (int slot = 0; slot < DT_TICKET_SLOTS; slot++) {
        const int at = held_in(held, slot);
        if (at < 0 || (held->held[at].finished && !is_bounce(&held->held[at], call->now))) {
            open[count++] = slot;
        }
    }
    return count > 0 ? open[call->turn % count] : held->held[held->count - 1].slot;
}

apr_status_t dt_ticket_new(const dt_call_t *call, const dt_tickets_t *held, const char *return_to,
                           int restarts, dt_ticket_t *ticket)
{
    *ticket = (dt_ticket_t){.slot = choose_slot(call, held),
                            .issued = call->now,
                            .restarts = restarts,
                            .return_to = return_to};
    return dt_random(ticket->nonce, DT_TICKET_NONCE);
}

const char *dt_ticket_state(apr_pool_t *pool, const dt_ticket_t *ticket)
{
    return dt_base64url(pool, nonce_of(ticket)).data;
}

const char *dt_ticket_name(apr_pool_t *pool, const dt_ticket_t *ticket)
{
    return apr_itoa(pool, ticket->slot);
}

/* Not whether it is safe: dt_url_return said so when the ticket was made, and the seal holds. */
static bool can_be_carried(dt_slice_t return_to)
{
    return return_to.len > 0 && return_to.len <= DT_RETURN_MAX && return_to.data[0] == '/';
}

static bool is_slot(int slot)
{
    return slot >= 0 && slot < DT_TICKET_SLOTS;
}

apr_status_t dt_ticket_seal(const dt_keyring_t *keys, const dt_call_t *call,
                            const dt_ticket_t *ticket, dt_slice_t *token)
{
    dt_slice_t return_to = dt_slice(ticket->return_to);
    unsigned char buffer[RECORD_MAX];
    dt_writer_t w;

    if (!can_be_carried(return_to) || ticket->restarts < 0 || !is_slot(ticket->slot)) {
        return APR_EINVAL;
    }
    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_u8(&w, VERSION);
    dt_write_bytes(&w, ticket->nonce, DT_TICKET_NONCE);
    dt_write_time(&w, ticket->issued);
    dt_write_time(&w, ticket->finished);
    dt_write_u8(&w, (unsigned)(ticket->restarts < RESTARTS_MAX ? ticket->restarts : RESTARTS_MAX));
    dt_write_u8(&w, (unsigned)ticket->slot);
    dt_write_text(&w, return_to);
    if (w.failed) {
        return APR_EINVAL; /* the buffer fits all that can be carried: a time is before 1970 */
    }
    return dt_seal(keys, DT_SEAL_TICKET, call, (dt_slice_t){(char *)buffer, w.len}, token);
}

static bool open_one(const dt_keyring_t *keys, const dt_call_t *call, dt_slice_t token,
                     dt_ticket_t *ticket)
{
    dt_slice_t record;
    dt_slice_t return_to;
    dt_reader_t r;
    unsigned version;

    if (dt_open(keys, DT_SEAL_TICKET, call, token, &record) != APR_SUCCESS) {
        return false;
    }
    dt_reader_init(&r, record);
    version = dt_read_u8(&r);
    dt_read_bytes(&r, ticket->nonce, DT_TICKET_NONCE);
    ticket->issued = dt_read_time(&r);
    ticket->finished = dt_read_time(&r);
    ticket->restarts = (int)dt_read_u8(&r);
    ticket->slot = (int)dt_read_u8(&r);
    return_to = dt_read_text(&r);
    ticket->return_to = return_to.data;
    ticket->token = token;
    return dt_reader_done(&r) && version == VERSION && is_slot(ticket->slot) &&
           can_be_carried(return_to) && call->now - ticket->issued <= DT_TICKET_MEMORY;
}

void dt_tickets_remove(dt_tickets_t *tickets, dt_ticket_t *ticket)
{
    const dt_ticket_t *end = tickets->held + tickets->count;

    memmove(ticket, ticket + 1, (size_t)(end - (ticket + 1)) * sizeof(*ticket));
    tickets->count--;
}

/* Of the same millisecond the later one in the header is the newer one. */
static void hold(dt_tickets_t *tickets, const dt_ticket_t *ticket)
{
    const int same = held_in(tickets, ticket->slot);
    int at;

    if (same >= 0 && tickets->held[same].issued > ticket->issued) {
        return;
    }
    if (same >= 0) {
        dt_tickets_remove(tickets, &tickets->held[same]);
    }
    at = tickets->count;
    for (; at > 0 && tickets->held[at - 1].issued <= ticket->issued; at--) {
        tickets->held[at] = tickets->held[at - 1];
    }
    tickets->held[at] = *ticket;
    tickets->count++;
}

void dt_tickets_open(const dt_keyring_t *keys, const dt_call_t *call, const dt_slice_t *tokens,
                     int count, dt_tickets_t *tickets)
{
    tickets->count = 0;
    for (int i = 0; i < count && i < DT_TICKETS_READ; i++) {
        dt_ticket_t ticket;
        if (open_one(keys, call, tokens[i], &ticket)) {
            hold(tickets, &ticket);
        }
    }
}

dt_ticket_t *dt_tickets_find(dt_tickets_t *tickets, const char *state)
{
    dt_slice_t text = dt_slice(state);
    unsigned char nonce[DT_TICKET_NONCE];
    apr_size_t len;

    if (text.len != STATE_LEN || dt_base64url_decode(text, nonce, &len) != APR_SUCCESS) {
        return NULL;
    }
    for (int i = 0; i < tickets->count; i++) {
        dt_ticket_t *ticket = &tickets->held[i];
        if (dt_secret_equal(nonce_of(ticket), (dt_slice_t){(char *)nonce, len})) {
            return ticket;
        }
    }
    return NULL;
}

int dt_tickets_bounces(const dt_tickets_t *tickets, apr_time_t now)
{
    int bounces = 0;

    for (int i = 0; i < tickets->count; i++) {
        bounces += is_bounce(&tickets->held[i], now);
    }
    return bounces;
}

int dt_tickets_surplus(apr_pool_t *pool, const dt_tickets_t *tickets, int slot, apr_size_t extra,
                       const char **names)
{
    apr_size_t bytes = extra;
    int kept = 1;
    int gone = 0;

    for (int i = 0; i < tickets->count; i++) {
        if (tickets->held[i].slot != slot) {
            bytes += tickets->held[i].token.len;
            kept++;
        }
    }
    for (int i = tickets->count - 1; i >= 0; i--) {
        const dt_ticket_t *ticket = &tickets->held[i];
        if (kept <= DT_TICKETS_KEPT && bytes <= DT_TICKETS_BYTES) {
            break;
        }
        if (ticket->slot == slot) {
            continue;
        }
        names[gone++] = dt_ticket_name(pool, ticket);
        bytes -= ticket->token.len;
        kept--;
    }
    return gone;
}
