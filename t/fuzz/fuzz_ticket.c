/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes core/ticket: any record behind a good seal, and any state beside a ticket. */
#include "core/ticket.h"
#include "core/url.h"
#include "sealed.h"

#include <apr_strings.h>

#define BOUNCE apr_time_from_sec(60) /* a ticket that finished within keeps its slot */

static void check(dt_ticket_t *ticket, dt_slice_t record)
{
    apr_size_t len = strlen(ticket->return_to);
    dt_slice_t token;
    dt_slice_t again;

    assert(ticket->return_to[0] == '/' && len <= DT_RETURN_MAX);
    assert(ticket->issued >= NOW - DT_TICKET_MEMORY && ticket->finished >= 0);
    assert(ticket->restarts >= 0 && ticket->restarts <= 255);
    assert(ticket->slot >= 0 && ticket->slot < DT_TICKET_SLOTS);
    assert(strlen(dt_ticket_name(pool, ticket)) == DT_TICKET_NAME);

    /* A record has one form: what was read is written as it was. */
    assert(dt_ticket_seal(keys, &call, ticket, &token) == APR_SUCCESS);
    assert(dt_open(keys, DT_SEAL_TICKET, &call, token, &again) == APR_SUCCESS);
    assert(dt_slice_equal(again, record));
}

/* Whether slot is taken; only by a sign-in that has long been over, if it is a new ticket's. */
static bool replaces(const dt_tickets_t *tickets, int slot)
{
    for (int i = 0; i < tickets->count; i++) {
        if (tickets->held[i].slot == slot) {
            const apr_time_t finished = tickets->held[i].finished;
            assert(finished > 0 && (finished < NOW - BOUNCE || finished > NOW + BOUNCE));
            return true;
        }
    }
    return false;
}

/* Whatever the turn, a new ticket takes an open slot, and nothing is deleted for it twice. */
static void check_new(const dt_tickets_t *tickets)
{
    const char *names[DT_TICKET_SLOTS];
    dt_ticket_t ticket;

    for (call.turn = 0; call.turn < DT_TICKET_SLOTS; call.turn++) {
        assert(dt_ticket_new(&call, tickets, "/", 0, &ticket) == APR_SUCCESS);
        assert(dt_tickets_surplus(pool, tickets, ticket.slot, 0, names) == 0);
        assert(dt_tickets_surplus(pool, tickets, ticket.slot, DT_TICKETS_BYTES, names) ==
               tickets->count - replaces(tickets, ticket.slot));
    }
    assert(dt_tickets_surplus(pool, tickets, tickets->held[0].slot, DT_TICKETS_BYTES, names) ==
           tickets->count - 1);
    assert(dt_tickets_bounces(tickets, NOW) <= tickets->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_slice_t record = {(const char *)data, size};
    dt_ticket_t fixed = {.nonce = "fixed nonce", .issued = NOW, .return_to = "/"};
    dt_tickets_t tickets;
    dt_ticket_t *found;
    dt_slice_t tokens[2];
    const char *state;

    set_up();
    if (dt_seal(keys, DT_SEAL_TICKET, &call, record, &tokens[0]) != APR_SUCCESS) {
        goto leave; /* longer than any token */
    }
    assert(dt_ticket_seal(keys, &call, &fixed, &tokens[1]) == APR_SUCCESS);
    dt_tickets_open(keys, &call, tokens, 2, &tickets);
    assert(tickets.count == 1 || tickets.count == 2);
    for (int i = 0; i < tickets.count; i++) {
        dt_ticket_t *ticket = &tickets.held[i];
        assert(i == 0 || tickets.held[i - 1].issued >= ticket->issued);
        assert(i == 0 || tickets.held[i - 1].slot != ticket->slot);
        assert(dt_tickets_find(&tickets, dt_ticket_state(pool, ticket)) != NULL);
        if (dt_slice_equal(ticket->token, tokens[0])) {
            check(ticket, record);
        }
    }
    check_new(&tickets);

    /* Only a ticket's very state finds it. */
    state = apr_pstrmemdup(pool, record.data, record.len);
    found = dt_tickets_find(&tickets, state);
    assert(!found || strcmp(state, dt_ticket_state(pool, found)) == 0);

leave:
    apr_pool_clear(pool);
    return 0;
}
