/* SPDX-License-Identifier: Apache-2.0 */
/* The bind ticket: a person who signed in at DingTalk and is still without an account, sealed. */
#include "core/bind_ticket.h"

#include "core/bytes.h"
#include "core/record.h"
#include "core/session.h"
#include "core/url.h"

#include <stdlib.h>
#include <string.h>

/*
 * Record: version (1 byte, 2) | csrf (16) | issued | return address | challenge's id | masked phone
 * | expires at | resend at | user id | union id | attributes of the person, in the forms of
 * record.h and session.h. Without a challenge its texts are empty and its times 0.
 */
#define VERSION 2
#define AHEAD apr_time_from_sec(60) /* another node's clock may be a little ahead */

static dt_slice_t csrf_of(const dt_bind_ticket_t *ticket)
{
    return (dt_slice_t){(const char *)ticket->csrf, DT_BIND_CSRF};
}

apr_status_t dt_bind_ticket_new(const dt_call_t *call, const dt_member_t *person,
                                const char *return_to, dt_bind_ticket_t *ticket)
{
    *ticket = (dt_bind_ticket_t){.issued = call->now, .return_to = return_to, .person = *person};
    return dt_random(ticket->csrf, DT_BIND_CSRF);
}

const char *dt_bind_ticket_csrf(apr_pool_t *pool, const dt_bind_ticket_t *ticket)
{
    return dt_base64url(pool, csrf_of(ticket)).data;
}

bool dt_bind_ticket_is_csrf(apr_pool_t *pool, const dt_bind_ticket_t *ticket, const char *csrf)
{
    return dt_secret_equal(dt_slice(csrf), dt_base64url(pool, csrf_of(ticket)));
}

/* --- the person's attributes --- */

static int by_length(const void *a, const void *b)
{
    const apr_size_t len_a = ((const dt_attribute_t *)a)->value.len;
    const apr_size_t len_b = ((const dt_attribute_t *)b)->value.len;

    return (len_a > len_b) - (len_a < len_b);
}

/* The shortest first, so that what finds no room is the longest. */
static dt_slice_t pack_person(apr_pool_t *pool, const dt_member_t *person, apr_size_t budget)
{
    dt_attribute_t *list;
    size_t max = 0;
    int count = 0;
    int dropped;

    while (dt_member_attributes[max]) {
        max++;
    }
    list = apr_palloc(pool, max * sizeof(*list));
    for (size_t i = 0; i < max; i++) {
        const char *name = dt_member_attributes[i];
        const char *value = dt_member_attribute(person, name);

        if (value) {
            list[count++] = (dt_attribute_t){dt_slice(name), dt_slice(value)};
        }
    }
    qsort(list, (size_t)count, sizeof(*list), by_length);
    return dt_attributes_pack(pool, list, count, budget, &dropped);
}

/* False when they are malformed, or say otherwise who it is. */
static bool unpack_person(dt_slice_t attributes, dt_member_t *person)
{
    dt_attribute_t attribute;

    while (dt_attribute_next(&attributes, &attribute)) {
        const char **slot = dt_member_slot(person, attribute.name.data);

        if (slot == &person->user_id || slot == &person->union_id) {
            return false;
        }
        if (slot) {
            *slot = attribute.value.data;
        }
    }
    return attributes.len == 0;
}

/* --- sealing --- */

apr_status_t dt_bind_ticket_seal(const dt_keyring_t *keys, const dt_call_t *call,
                                 const dt_bind_ticket_t *ticket, dt_slice_t *token)
{
    const dt_member_t *person = &ticket->person;
    unsigned char buffer[DT_BIND_TICKET_MAX];
    dt_slice_t attributes;
    dt_writer_t w;

    dt_writer_init(&w, buffer, sizeof(buffer));
    dt_write_u8(&w, VERSION);
    dt_write_bytes(&w, ticket->csrf, DT_BIND_CSRF);
    dt_write_time(&w, ticket->issued);
    dt_write_text(&w, dt_slice(ticket->return_to));
    dt_write_text(&w, dt_slice(ticket->asked.id));
    dt_write_text(&w, dt_slice(ticket->asked.masked));
    dt_write_time(&w, ticket->asked.expires_at);
    dt_write_time(&w, ticket->asked.resend_at);
    dt_write_text(&w, dt_slice(person->user_id));
    dt_write_text(&w, dt_slice(person->union_id));
    attributes = pack_person(call->pool, person, w.max - w.len);
    dt_write_bytes(&w, attributes.data, attributes.len);
    if (w.failed) {
        return APR_EINVAL;
    }
    return dt_seal(keys, DT_SEAL_BIND, call, (dt_slice_t){(char *)buffer, w.len}, token);
}

static const char *read_optional(dt_reader_t *r)
{
    dt_slice_t text = dt_read_text(r);

    return text.len > 0 ? text.data : NULL;
}

/* False when it is malformed. The texts point into the record. */
static bool read_ticket(apr_pool_t *pool, dt_slice_t record, dt_bind_ticket_t *ticket)
{
    dt_member_t *person = &ticket->person;
    dt_reader_t r;
    unsigned version;

    *ticket = (dt_bind_ticket_t){.person.active = true};
    dt_reader_init(&r, record);
    version = dt_read_u8(&r);
    dt_read_bytes(&r, ticket->csrf, DT_BIND_CSRF);
    ticket->issued = dt_read_time(&r);
    ticket->return_to = dt_url_return(pool, dt_read_text(&r));
    ticket->asked.id = read_optional(&r);
    ticket->asked.masked = read_optional(&r);
    ticket->asked.expires_at = dt_read_time(&r);
    ticket->asked.resend_at = dt_read_time(&r);
    person->user_id = read_optional(&r);
    person->union_id = read_optional(&r); /* missing too when anything before it was */
    return version == VERSION && person->user_id && person->union_id &&
           unpack_person((dt_slice_t){(const char *)r.at, (apr_size_t)(r.end - r.at)}, person);
}

apr_status_t dt_bind_ticket_open(const dt_keyring_t *keys, const dt_call_t *call, dt_slice_t token,
                                 apr_interval_time_t lifetime, dt_bind_ticket_t *ticket)
{
    dt_slice_t record;
    apr_interval_time_t age;
    apr_status_t rv = dt_open(keys, DT_SEAL_BIND, call, token, &record);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!read_ticket(call->pool, record, ticket)) {
        return APR_EACCES;
    }
    age = call->now - ticket->issued;
    return age <= lifetime && age >= -AHEAD ? APR_SUCCESS : APR_EACCES;
}
