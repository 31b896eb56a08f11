/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes core/bind_ticket: any record behind a good seal, and any csrf beside a ticket. */
#include "core/bind_ticket.h"
#include "core/url.h"
#include "sealed.h"

#include <apr_strings.h>

#define LIFETIME apr_time_from_sec(600)

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What was read is written and read again as the same, but for attributes that find no room. */
static void check_again(const dt_bind_ticket_t *ticket)
{
    dt_bind_ticket_t again;
    dt_slice_t record;
    dt_slice_t token;

    if (dt_bind_ticket_seal(keys, &call, ticket, &token) != APR_SUCCESS) {
        return; /* ids longer than a ticket has room for */
    }
    assert(dt_open(keys, DT_SEAL_BIND, &call, token, &record) == APR_SUCCESS);
    assert(record.len <= DT_BIND_TICKET_MAX);
    assert(dt_bind_ticket_open(keys, &call, token, LIFETIME, &again) == APR_SUCCESS);
    assert(memcmp(again.csrf, ticket->csrf, DT_BIND_CSRF) == 0);
    assert(again.issued == ticket->issued);
    assert(same(again.return_to, ticket->return_to));
    assert(same(again.asked.id, ticket->asked.id) &&
           same(again.asked.masked, ticket->asked.masked));
    assert(again.asked.expires_at == ticket->asked.expires_at);
    assert(again.asked.resend_at == ticket->asked.resend_at);
    assert(same(again.person.user_id, ticket->person.user_id));
    assert(same(again.person.union_id, ticket->person.union_id));
    for (int i = 0; dt_member_attributes[i]; i++) {
        const char *value = dt_member_attribute(&again.person, dt_member_attributes[i]);
        assert(!value ||
               same(value, dt_member_attribute(&ticket->person, dt_member_attributes[i])));
    }
}

static void check(const dt_bind_ticket_t *ticket)
{
    assert(ticket->issued >= NOW - LIFETIME && ticket->issued <= NOW + apr_time_from_sec(60));
    assert(ticket->person.user_id && *ticket->person.user_id);
    assert(ticket->person.union_id && *ticket->person.union_id);
    assert(ticket->person.active && !ticket->person.disabled);
    assert(!ticket->asked.id || *ticket->asked.id);
    assert(same(dt_url_return(pool, dt_slice(ticket->return_to)), ticket->return_to));
    check_again(ticket);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dt_slice_t record = {(const char *)data, size};
    dt_bind_ticket_t fixed = {.csrf = "fixed csrf"};
    dt_bind_ticket_t ticket;
    dt_slice_t token;
    const char *csrf;

    set_up();
    if (dt_seal(keys, DT_SEAL_BIND, &call, record, &token) == APR_SUCCESS &&
        dt_bind_ticket_open(keys, &call, token, LIFETIME, &ticket) == APR_SUCCESS) {
        check(&ticket);
    }

    /* Only a ticket's very csrf is its. */
    csrf = apr_pstrmemdup(pool, record.data, record.len);
    assert(dt_bind_ticket_is_csrf(pool, &fixed, csrf) ==
           same(csrf, dt_bind_ticket_csrf(pool, &fixed)));
    apr_pool_clear(pool);
    return 0;
}
