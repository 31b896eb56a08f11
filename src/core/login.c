/* SPDX-License-Identifier: Apache-2.0 */
/* The use case: a browser leaves for DingTalk's page, and comes back as a person of this corp. */

#include "core/login.h"

#include "core/bind_ticket.h"
#include "core/bytes.h"
#include "core/policy.h"
#include "core/url.h"

#include <apr_strings.h>
#include <string.h>

#define RESTARTS_MAX 1

/* --- the way: what the browser is given --- */

static void way_clear(dt_way_t *way)
{
    *way = (dt_way_t){.location = "/"};
}

/* value NULL deletes. A browser gets one word about a cookie, the last: a ticket given up may
 * leave its slot to the one that replaces it. So there is always room. */
static void way_ticket(dt_way_t *way, const char *name, const char *value)
{
    const size_t max = sizeof(way->tickets) / sizeof(way->tickets[0]);
    size_t i = 0;

    while (i < max && way->tickets[i].name && strcmp(way->tickets[i].name, name) != 0) {
        i++;
    }
    if (i + 1 < max) {
        way->tickets[i] = (dt_ticket_cookie_t){name, value};
    }
}

static void delete_ticket(const dt_call_t *call, dt_tickets_t *held, dt_ticket_t *ticket,
                          dt_way_t *way)
{
    way_ticket(way, dt_ticket_name(call->pool, ticket), NULL);
    dt_tickets_remove(held, ticket);
}

/* Set a new ticket's cookie, and delete those that are too many beside it. */
static apr_status_t set_new_ticket(const dt_login_t *login, const dt_call_t *call,
                                   const dt_tickets_t *held, const dt_ticket_t *ticket,
                                   dt_way_t *way)
{
    const char *surplus[DT_TICKET_SLOTS];
    dt_slice_t token;
    apr_status_t rv;
    int count;

    rv = dt_ticket_seal(login->keys, call, ticket, &token);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    way_ticket(way, dt_ticket_name(call->pool, ticket), token.data);
    count = dt_tickets_surplus(call->pool, held, ticket->slot, token.len, surplus);
    for (int i = 0; i < count; i++) {
        way_ticket(way, surplus[i], NULL);
    }
    return APR_SUCCESS;
}

/* --- begin --- */

/* DingTalk's page (open platform documentation, "Obtain user login authorization"). */
static const char *scan_page(const dt_login_t *login, const dt_call_t *call, const char *callback,
                             const dt_ticket_t *ticket)
{
    const dt_app_t *app = login->client.app;
    apr_pool_t *pool = call->pool;
    const char *url = apr_pstrcat(pool, app->login_url, "/oauth2/auth", NULL);

    url = dt_url_add(pool, url, "redirect_uri", callback);
    url = dt_url_add(pool, url, "response_type", "code");
    url = dt_url_add(pool, url, "client_id", app->client_id);
    for (const dt_login_param_t *param = login->params; param && param->name; param++) {
        url = dt_url_add(pool, url, param->name, param->value);
    }
    return dt_url_add(pool, url, "state", dt_ticket_state(pool, ticket));
}

/* This browser signs in and forgets: stop. Its tickets go, so that it can start afresh. */
static dt_result_t stop_loop(const dt_call_t *call, const dt_tickets_t *held, dt_way_t *way)
{
    for (int i = 0; i < held->count; i++) {
        way_ticket(way, dt_ticket_name(call->pool, &held->held[i]), NULL);
    }
    return dt_result(DT_WHY_LOOP, NULL);
}

/* Writes to way what it finds there beside: location and tickets. */
static apr_status_t leave_for_dingtalk(const dt_login_t *login, const dt_call_t *call,
                                       const dt_tickets_t *held, const char *callback,
                                       const char *return_to, int restarts, dt_way_t *way,
                                       dt_result_t *result)
{
    dt_ticket_t ticket;
    apr_status_t rv;

    way->location = return_to;
    if (dt_tickets_bounces(held, call->now) >= DT_BOUNCES_MAX) {
        *result = stop_loop(call, held, way);
        return APR_SUCCESS;
    }
    rv = dt_ticket_new(call, held, return_to, restarts, &ticket);
    if (rv == APR_SUCCESS) {
        rv = set_new_ticket(login, call, held, &ticket, way);
    }
    if (rv != APR_SUCCESS) {
        *result = dt_result(DT_WHY_INTERNAL, "the ticket could not be made");
        return rv;
    }
    way->location = scan_page(login, call, callback, &ticket);
    result->what = DT_AGAIN;
    return APR_SUCCESS;
}

apr_status_t dt_login_begin(const dt_login_t *login, const dt_call_t *call,
                            const dt_tickets_t *held, const char *callback, const char *return_to,
                            dt_way_t *way, dt_result_t *result)
{
    way_clear(way);
    /* The reason for which people leave for DingTalk; what becomes DT_AGAIN when they do. */
    *result = dt_result(DT_WHY_LOGIN_REQUIRED, NULL);
    return leave_for_dingtalk(login, call, held, callback, return_to, 0, way, result);
}

/* --- finish: each step finds something out, or says why not --- */

/* What one dt_login_finish works on. */
typedef struct finish_t {
    const dt_login_t *login;
    const dt_call_t *call;
    dt_tickets_t *held;
    dt_ticket_t *ticket; /* in held; NULL when state stands for none */
    const char *callback;
    const dt_callback_t *query;
    bool signed_in;
    dt_member_t *person; /* union_id first, then user_id, then the whole record */
    dt_account_t account;
    dt_way_t *way;
    dt_result_t *result;
} finish_t;

static bool goes_on(apr_status_t rv, const dt_result_t *result)
{
    return rv == APR_SUCCESS && result->what == DT_SIGNED_IN;
}

static bool has(const char *text)
{
    return text && *text;
}

/* Of the callback alone: whether there is something to ask DingTalk about. */
static dt_result_t check_callback(const finish_t *f)
{
    const dt_ticket_t *ticket = f->ticket;
    apr_pool_t *pool = f->call->pool;

    if (has(f->query->error)) {
        const char *error = dt_loggable(pool, dt_slice(f->query->error), 64);
        return dt_result(DT_WHY_CANCELLED, apr_pstrcat(pool, "error=", error, NULL));
    }
    if (ticket->finished) {
        return dt_result(DT_WHY_TICKET_SPENT, NULL);
    }
    if (f->call->now - ticket->issued > f->login->ticket_lifetime) {
        return dt_result(DT_WHY_TICKET_EXPIRED, NULL);
    }
    if (!has(f->query->code)) {
        return dt_result(DT_WHY_BAD_QUERY, "no code");
    }
    return dt_result(DT_WHY_SIGNED_IN, NULL);
}

/* Who scanned: the unionId. The user token ends here, with the request it belongs to. */
static apr_status_t find_person(finish_t *f)
{
    const dt_client_t *client = &f->login->client;
    const char *user_token = NULL;
    const char *corp_id = NULL;
    apr_status_t rv;

    rv = dt_client_user_token(client, f->call, f->query->code, &user_token, &corp_id, f->result);
    f->way->code_refused = f->result->why == &dt_whys[DT_WHY_CODE_SPENT];
    if (!goes_on(rv, f->result)) {
        return rv;
    }
    *f->result = dt_policy_corp(client->app, corp_id);
    if (!goes_on(rv, f->result)) {
        return rv;
    }
    rv = dt_client_me(client, f->call, user_token, &f->person->union_id, f->result);
    if (goes_on(rv, f->result)) {
        f->way->member = f->person;
    }
    return rv;
}

/* Who that is in this corp, and whether such a member may come in. */
static apr_status_t find_member(finish_t *f)
{
    const dt_client_t *client = &f->login->client;
    dt_member_t record = {0};
    apr_status_t rv;
    int contact_type = -1;

    rv = dt_client_user_id(client, f->call, f->person->union_id, &f->person->user_id, &contact_type,
                           f->result);
    if (!goes_on(rv, f->result)) {
        return rv;
    }
    *f->result = dt_policy_contact(contact_type);
    if (!goes_on(rv, f->result)) {
        return rv;
    }
    rv = dt_client_member(client, f->call, f->person->user_id, &record, f->result);
    if (!goes_on(rv, f->result)) {
        return rv;
    }
    *f->result = dt_policy_member(&record, f->person->user_id, f->person->union_id);
    if (goes_on(rv, f->result)) {
        /* The policy lets a record without unionId pass; we know it nevertheless. */
        record.union_id = f->person->union_id;
        *f->person = record;
    }
    return rv;
}

/* Which account that is. */
static apr_status_t find_account(finish_t *f)
{
    apr_status_t rv = dt_bind_person(&f->login->bind, f->call, f->person, &f->account, f->result);

    f->way->uid = f->account.key;
    return rv;
}

static apr_status_t open_session(finish_t *f)
{
    dt_way_t *way = f->way;

    return dt_admit(&f->login->admit, &f->login->bind, f->call, f->person, f->call->now,
                    &f->account, &way->session, &way->dropped_attributes, &way->unaudited,
                    f->result);
}

/*
 * The used ticket stays for a while: the back button and the count of bounces need it. It is as
 * long as before and in its old slot, so that no other has to go: tabs that started at the same
 * moment may be more than DT_TICKETS_KEPT, and each still has to find its way.
 */
static apr_status_t finish_ticket(finish_t *f)
{
    dt_ticket_t used = *f->ticket;
    dt_slice_t token;
    apr_status_t rv;

    /* By the clock of who issued it, if ours is behind: else that node would count no bounces. */
    used.finished = f->call->now > used.issued ? f->call->now : used.issued;
    rv = dt_ticket_seal(f->login->keys, f->call, &used, &token);
    if (rv != APR_SUCCESS) {
        f->way->session = (dt_slice_t){0};
        *f->result = dt_result(DT_WHY_INTERNAL, "the used ticket could not be sealed");
        return rv;
    }
    way_ticket(f->way, dt_ticket_name(f->call->pool, &used), token.data);
    return APR_SUCCESS;
}

/* --- finish: how it ends --- */

/* A sign-in that is over begins anew, once; somebody signed in just goes where they wanted. */
static apr_status_t start_again(finish_t *f)
{
    const char *return_to = f->ticket->return_to;
    const int restarts = f->ticket->restarts;
    dt_result_t *result = f->result;

    if (!f->ticket->finished) {
        delete_ticket(f->call, f->held, f->ticket, f->way);
    }
    if (f->signed_in) {
        result->what = DT_SIGNED_IN;
        return APR_SUCCESS;
    }
    if (restarts >= RESTARTS_MAX) {
        *result = dt_result(DT_WHY_FAILED_AGAIN,
                            apr_pstrcat(f->call->pool, result->why->name,
                                        result->detail ? ": " : NULL, result->detail, NULL));
        return APR_SUCCESS;
    }
    return leave_for_dingtalk(f->login, f->call, f->held, f->callback, return_to, restarts + 1,
                              f->way, result);
}

/* The refusal stands whether it can be written down or not. That of nobody is not: a browser can
 * come back as often as it likes, with a ticket that it has kept, and fill the table. */
static void refuse(finish_t *f)
{
    dt_way_t *way = f->way;

    if (f->person->union_id != NULL) {
        way->unaudited = dt_bind_audit(&f->login->bind, f->call, "refused", f->person, way->uid,
                                       f->result->why->name) != APR_SUCCESS;
    }
    delete_ticket(f->call, f->held, f->ticket, way);
}

/* DingTalk's part is over; the bind ticket carries person and return address on. */
static apr_status_t leave_for_bind_page(finish_t *f)
{
    dt_bind_ticket_t ticket;
    apr_status_t rv = dt_bind_ticket_new(f->call, f->person, f->ticket->return_to, &ticket);

    if (rv == APR_SUCCESS) {
        rv = dt_bind_ticket_seal(f->login->keys, f->call, &ticket, &f->way->bind_ticket);
    }
    if (rv != APR_SUCCESS) {
        *f->result = dt_result(DT_WHY_INTERNAL, "the bind ticket could not be made");
        return rv;
    }
    delete_ticket(f->call, f->held, f->ticket, f->way);
    return APR_SUCCESS;
}

/* An unknown leaves the ticket as it is: a reload of the callback starts again properly. */
static apr_status_t settle(finish_t *f, apr_status_t rv)
{
    switch (f->result->what) {
    case DT_UNSURE:
        return rv != APR_SUCCESS ? rv : APR_EGENERAL;
    case DT_AGAIN:
        return start_again(f);
    case DT_BIND:
        return leave_for_bind_page(f);
    case DT_DENIED:
        refuse(f);
        return APR_SUCCESS;
    default:
        return APR_SUCCESS;
    }
}

/* Without a ticket there is nothing to continue; to somebody signed in a bookmarked callback is
 * no error. */
static dt_result_t no_ticket(bool signed_in)
{
    return signed_in ? dt_result(DT_WHY_SIGNED_IN, "a callback without a ticket")
                     : dt_result(DT_WHY_NO_TICKET, NULL);
}

apr_status_t dt_login_finish(const dt_login_t *login, const dt_call_t *call, dt_tickets_t *held,
                             const char *callback, const dt_callback_t *query, bool signed_in,
                             dt_way_t *way, dt_result_t *result)
{
    finish_t f = {.login = login,
                  .call = call,
                  .held = held,
                  .callback = callback,
                  .query = query,
                  .signed_in = signed_in,
                  .way = way,
                  .result = result};
    apr_status_t rv = APR_SUCCESS;

    way_clear(way);
    f.person = apr_pcalloc(call->pool, sizeof(*f.person));
    f.ticket = query->state ? dt_tickets_find(held, query->state) : NULL;
    if (!f.ticket) {
        *result = no_ticket(signed_in);
        return APR_SUCCESS;
    }
    way->location = f.ticket->return_to;

    *result = check_callback(&f);
    if (goes_on(rv, result)) {
        rv = find_person(&f);
    }
    if (goes_on(rv, result)) {
        rv = find_member(&f);
    }
    if (goes_on(rv, result)) {
        rv = find_account(&f);
    }
    if (goes_on(rv, result)) {
        rv = open_session(&f);
    }
    if (goes_on(rv, result)) {
        rv = finish_ticket(&f);
    }
    return settle(&f, rv);
}

void dt_login_sign_out(const dt_login_t *login, const dt_call_t *call, const dt_tickets_t *held,
                       dt_way_t *way)
{
    way_clear(way);
    for (int i = 0; i < held->count; i++) {
        dt_ticket_t ticket = held->held[i];
        dt_slice_t token;

        if (!ticket.finished) {
            continue;
        }
        ticket.finished = apr_time_from_sec(1); /* long ago, but finished */
        if (dt_ticket_seal(login->keys, call, &ticket, &token) == APR_SUCCESS) {
            way_ticket(way, dt_ticket_name(call->pool, &ticket), token.data);
        }
    }
}
