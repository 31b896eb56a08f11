/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: the session of a person, and of the account that is theirs. */
#include "core/admit.h"

#include "core/bytes.h"
#include "core/policy.h"

#include <apr_strings.h>
#include <string.h>

#define OF_ACCOUNT "account."

/* What one dt_admit works on. */
typedef struct admission_t {
    const dt_admit_t *admit;
    const dt_bind_t *bind;
    const dt_call_t *call;
    const dt_member_t *person;
    const dt_account_t *account; /* NULL or empty when there are no accounts */
    const dt_session_t *before;  /* the session that is refreshed, whose account stays; or NULL */
} admission_t;

static const char *key_of(const dt_account_t *account)
{
    return account ? account->key : NULL;
}

static const char *user_name(const admission_t *a)
{
    const char *name = a->admit->remote_user;

    return strcmp(name, "account") == 0 ? key_of(a->account) : dt_member_attribute(a->person, name);
}

static const char *account_value(const dt_account_t *account, const char *name)
{
    const dt_account_value_t *value = account ? account->values : NULL;

    while (value && value->name && strcmp(value->name, name) != 0) {
        value++;
    }
    return value && value->name ? value->value : NULL;
}

static const char *value_before(const dt_session_t *before, const char *name)
{
    dt_slice_t rest = before->attributes;
    dt_attribute_t attribute;

    while (dt_attribute_next(&rest, &attribute)) {
        if (dt_slice_equal(attribute.name, dt_slice(name))) {
            return attribute.value.data;
        }
    }
    return NULL;
}

static const char *attribute_value(const admission_t *a, const char *name)
{
    const size_t prefix = strlen(OF_ACCOUNT);

    if (strncmp(name, OF_ACCOUNT, prefix) != 0) {
        return dt_member_attribute(a->person, name);
    }
    return a->before ? value_before(a->before, name) : account_value(a->account, name + prefix);
}

/* What the rest of the session leaves for attributes. */
static apr_size_t attribute_budget(const dt_session_t *session)
{
    const apr_size_t taken = DT_SESSION_FIXED + session->user.len + session->user_id.len +
                             session->union_id.len;

    return taken < DT_SESSION_RECORD_MAX ? DT_SESSION_RECORD_MAX - taken : 0;
}

static dt_slice_t pack_attributes(const admission_t *a, const dt_session_t *session, int *dropped)
{
    const char *const *names = a->admit->attributes;
    apr_pool_t *pool = a->call->pool;
    dt_attribute_t *list;
    size_t max = 0;
    int count = 0;

    while (names && names[max]) {
        max++;
    }
    list = apr_palloc(pool, max * sizeof(*list));
    for (size_t i = 0; i < max; i++) {
        const char *value = attribute_value(a, names[i]);

        if (value) {
            list[count++] = (dt_attribute_t){dt_slice(names[i]), dt_slice(value)};
        }
    }
    return dt_attributes_pack(pool, list, count, attribute_budget(session), dropped);
}

static apr_status_t save_session(const admission_t *a, const char *user, apr_time_t began,
                                 dt_slice_t *token, int *dropped)
{
    const dt_admit_t *admit = a->admit;
    dt_session_t session = {.began = began, .seen = a->call->now};
    apr_status_t rv;

    session.user = dt_slice(user);
    session.user_id = dt_slice(a->person->user_id);
    session.union_id = dt_slice(a->person->union_id);
    session.attributes = pack_attributes(a, &session, dropped);
    rv = dt_random(session.id, sizeof(session.id));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return dt_session_save(admit->store, a->call, &admit->lifetimes, (dt_slice_t){0}, &session,
                           token);
}

/* Nobody knows the token yet: to forget it is to have no session. */
static apr_status_t give_up(dt_slice_t *token, dt_result_t *result, dt_why_id_t why,
                            const char *detail, apr_status_t rv)
{
    *token = (dt_slice_t){0};
    *result = dt_result(why, detail);
    return rv;
}

apr_status_t dt_admit(const dt_admit_t *admit, const dt_bind_t *bind, const dt_call_t *call,
                      const dt_member_t *person, apr_time_t began, const dt_account_t *account,
                      dt_slice_t *token, int *dropped, bool *unaudited, dt_result_t *result)
{
    const admission_t a = {admit, bind, call, person, account, NULL};
    const char *user = user_name(&a);
    apr_status_t rv;

    *token = (dt_slice_t){0};
    *dropped = 0;
    *unaudited = false;
    *result = dt_result(DT_WHY_SIGNED_IN, NULL);
    if (!dt_policy_is_user_name(user)) {
        *result = dt_result(DT_WHY_NO_USER_NAME,
                            apr_pstrcat(call->pool, admit->remote_user,
                                        user && *user ? ": control characters" : ": empty", NULL));
        return APR_SUCCESS;
    }
    rv = save_session(&a, user, began, token, dropped);
    if (rv != APR_SUCCESS) {
        return give_up(token, result, DT_WHY_INTERNAL, "the session could not be saved", rv);
    }
    rv = dt_bind_audit(bind, call, "signed_in", person, key_of(account), NULL);
    if (rv != APR_SUCCESS && bind->accounts) {
        return give_up(token, result, DT_WHY_UNAVAILABLE, "audit", rv);
    }
    *unaudited = rv != APR_SUCCESS;
    return APR_SUCCESS;
}

void dt_admit_refresh(const dt_admit_t *admit, apr_pool_t *pool, const dt_member_t *person,
                      dt_session_t *session)
{
    const dt_call_t call = {.pool = pool};
    const dt_session_t before = *session;
    const admission_t a = {.admit = admit, .call = &call, .person = person, .before = &before};
    const char *user = user_name(&a);
    int dropped;

    if (!person->user_id || !dt_slice_equal(dt_slice(person->user_id), session->user_id)) {
        return;
    }
    if (dt_policy_is_user_name(user)) { /* else it is the account's key, or nobody could be named */
        session->user = dt_slice(user);
    }
    session->attributes = pack_attributes(&a, session, &dropped);
}
