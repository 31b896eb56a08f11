/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by which a person becomes an account. */
#include "core/bind.h"

#include "core/policy.h"

#include <apr_strings.h>
#include <string.h>

const char *const dt_bind_names[] = {"userid", "unionid",   "name",           "mobile",
                                     "email",  "org_email", "job_number",     "title",
                                     "avatar", "dept_ids",  "manager_userid", NULL};

#define NAMES (sizeof(dt_bind_names) / sizeof(dt_bind_names[0]))

bool dt_bind_source(const char *source, dt_match_t *match)
{
    static const struct {
        const char *name;
        dt_match_t match;
    } sources[] = {
        {"mobile", DT_MATCH_PHONE},    {"email", DT_MATCH_EMAIL}, {"org_email", DT_MATCH_EMAIL},
        {"job_number", DT_MATCH_TEXT}, {"userid", DT_MATCH_TEXT}, {"unionid", DT_MATCH_TEXT},
    };

    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (strcmp(sources[i].name, source) == 0) {
            *match = sources[i].match;
            return true;
        }
    }
    return false;
}

apr_status_t dt_bind_audit(const dt_bind_t *bind, const dt_call_t *call, const char *what,
                           const dt_member_t *person, const char *uid, const char *why)
{
    const dt_audit_t entry = {.what = what,
                              .corp_id = bind->corp_id,
                              .union_id = person->union_id,
                              .user_id = person->user_id,
                              .uid = uid,
                              .why = why};

    return bind->memory->audit(bind->memory->plug.self, call, &entry);
}

/* --- deciding: each step decides, or leaves it to the next --- */

/* What one dt_bind_person or dt_bind_to works on. */
typedef struct work_t {
    const dt_bind_t *bind;
    const dt_call_t *call;
    const dt_member_t *person;
    dt_account_t *account;
    dt_result_t *result; /* why is NULL as long as nothing is decided */
} work_t;

static bool is_open(apr_status_t rv, const work_t *w)
{
    return rv == APR_SUCCESS && !w->result->why;
}

static apr_status_t decide(const work_t *w, dt_why_id_t why, const char *detail)
{
    *w->result = dt_result(why, detail);
    return APR_SUCCESS;
}

static apr_status_t unavailable(const work_t *w, const char *what, apr_status_t rv)
{
    *w->result =
        dt_result(DT_WHY_UNAVAILABLE, apr_psprintf(w->call->pool, "%s: status %d", what, rv));
    return rv;
}

/* --- bound already --- */

/* The account behind a binding: in, unless it is gone. Nobody bound is ever bound to another. */
static apr_status_t decide_bound(const work_t *w, const char *uid, dt_found_t found)
{
    if (found != DT_FOUND_ONE) {
        *w->account = (dt_account_t){.key = uid};
        return decide(w, DT_WHY_ACCOUNT_GONE, NULL);
    }
    return decide(w, DT_WHY_SIGNED_IN, NULL);
}

static apr_status_t read_account(const work_t *w, const char *uid)
{
    const dt_accounts_t *accounts = w->bind->accounts;
    dt_found_t found = DT_FOUND_NONE;
    apr_status_t rv = accounts->read(accounts->plug.self, w->call, uid, w->account, &found);

    return rv == APR_SUCCESS ? decide_bound(w, uid, found) : unavailable(w, "read account", rv);
}

static apr_status_t read_bound(const work_t *w)
{
    const dt_accounts_t *accounts = w->bind->accounts;
    dt_binding_t binding = {NULL, NULL};
    dt_found_t found = DT_FOUND_NONE;
    apr_status_t rv = accounts->read_bound(accounts->plug.self, w->call, w->bind->corp_id,
                                           w->person->union_id, &binding, w->account, &found);

    if (rv != APR_SUCCESS) {
        return unavailable(w, "read binding with account", rv);
    }
    return binding.uid ? decide_bound(w, binding.uid, found) : APR_SUCCESS;
}

static apr_status_t read_binding(const work_t *w)
{
    const dt_memory_t *memory = w->bind->memory;
    dt_binding_t binding = {NULL, NULL};
    apr_status_t rv = memory->binding(memory->plug.self, w->call, w->bind->corp_id,
                                      w->person->union_id, &binding);

    if (rv != APR_SUCCESS) {
        return unavailable(w, "read binding", rv);
    }
    return binding.uid ? read_account(w, binding.uid) : APR_SUCCESS;
}

/* Open when the person is not bound. The userid is not asked: it may change, a unionId does not. */
static apr_status_t find_bound(const work_t *w)
{
    return w->bind->accounts->read_bound ? read_bound(w) : read_binding(w);
}

/* --- attributes of accounts that the module makes --- */

static const char *value_of(const dt_account_value_t *values, const char *name)
{
    while (values && values->name && strcmp(values->name, name) != 0) {
        values++;
    }
    return values && values->name ? values->value : "";
}

/* What DingTalkCreate makes of the person, up to a NULL name; empty values among them. */
static dt_account_value_t *fill_values(const work_t *w)
{
    const dt_create_t *create = w->bind->create;
    const char *sources[NAMES] = {NULL};
    dt_account_value_t *values;
    size_t count = 0;

    for (size_t i = 0; dt_bind_names[i]; i++) {
        sources[i] = dt_member_attribute(w->person, dt_bind_names[i]);
    }
    while (create && create[count].attribute) {
        count++;
    }
    values = apr_pcalloc(w->call->pool, (count + 1) * sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        const char *value =
            dt_template_fill(w->call->pool, create[i].value, DT_ESCAPE_NONE, sources);

        values[i] = (dt_account_value_t){create[i].attribute, value ? value : ""};
    }
    return values;
}

/* Whether the account has these values. Its key stays, whatever the template says by now. */
static bool is_current(const work_t *w, const dt_account_value_t *values)
{
    for (; values->name; values++) {
        if (strcmp(values->name, w->bind->key_attribute) != 0 &&
            strcmp(value_of(w->account->values, values->name), values->value) != 0) {
            return false;
        }
    }
    return true;
}

static void set_key(const work_t *w, dt_account_value_t *values)
{
    for (; values->name; values++) {
        if (strcmp(values->name, w->bind->key_attribute) == 0) {
            values->value = w->account->key;
        }
    }
}

static apr_status_t refresh(const work_t *w)
{
    const dt_accounts_t *accounts = w->bind->accounts;
    dt_account_value_t *values;
    apr_status_t rv;

    if (!w->account->managed || !w->bind->create || !accounts->refresh) {
        return APR_SUCCESS;
    }
    values = fill_values(w);
    if (is_current(w, values)) {
        return APR_SUCCESS;
    }
    set_key(w, values);
    rv = accounts->refresh(accounts->plug.self, w->call, values);
    if (rv != APR_SUCCESS) {
        return unavailable(w, "refresh account", rv);
    }
    return read_account(w, w->account->key); /* the session wants what it says now */
}

/* --- binding --- */

static dt_claim_t claim_to(const work_t *w, const char *key, const char *method)
{
    return (dt_claim_t){.corp_id = w->bind->corp_id,
                        .union_id = w->person->union_id,
                        .user_id = w->person->user_id,
                        .uid = key,
                        .method = method};
}

static apr_status_t audit_bound(const work_t *w, const char *key, const char *method)
{
    apr_status_t rv = dt_bind_audit(w->bind, w->call, "bound", w->person, key, method);

    return rv == APR_SUCCESS ? APR_SUCCESS : unavailable(w, "audit", rv);
}

static apr_status_t bind_key(const work_t *w, const char *key, const char *method,
                             dt_bound_t *bound)
{
    const dt_memory_t *memory = w->bind->memory;
    const dt_claim_t claim = claim_to(w, key, method);
    apr_status_t rv = memory->bind(memory->plug.self, w->call, &claim, bound);

    if (rv != APR_SUCCESS) {
        return unavailable(w, "bind", rv);
    }
    return *bound == DT_BOUND ? audit_bound(w, key, method) : APR_SUCCESS;
}

/* Another tab of the same person may have been faster, or this very attempt, whose answer was lost:
 * then they are bound, and come in as such. */
static apr_status_t look_again(const work_t *w, dt_why_id_t otherwise, const char *detail)
{
    apr_status_t rv = find_bound(w);

    return is_open(rv, w) ? decide(w, otherwise, detail) : rv;
}

/* Bind to w->account. */
static apr_status_t bind_account(const work_t *w, const char *method, const char *detail)
{
    dt_bound_t bound = DT_BOUND_TAKEN;
    apr_status_t rv = bind_key(w, w->account->key, method, &bound);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    switch (bound) {
    case DT_BOUND:
        return decide(w, DT_WHY_SIGNED_IN, NULL);
    case DT_BOUND_OTHER:
        return look_again(w, DT_WHY_BOUND_OTHERWISE, detail);
    default:
        return decide(w, DT_WHY_ACCOUNT_TAKEN, detail);
    }
}

static bool is_blank(const char *text)
{
    return !text || !text[strspn(text, " \t")];
}

/* Open when the rule finds nothing, so that the next may be tried. */
static apr_status_t try_rule(const work_t *w, const dt_autobind_t *rule)
{
    const dt_accounts_t *accounts = w->bind->accounts;
    const char *value = dt_member_attribute(w->person, rule->source);
    apr_pool_t *pool = w->call->pool;
    const char *detail = apr_pstrcat(pool, rule->source, "=", rule->attribute, NULL);
    dt_found_t found = DT_FOUND_SEVERAL;
    apr_status_t rv;

    if (is_blank(value)) {
        return APR_SUCCESS;
    }
    rv = accounts->find(accounts->plug.self, w->call, rule->attribute, rule->match, value,
                        w->account, &found);
    if (rv != APR_SUCCESS) {
        return unavailable(w, apr_pstrcat(pool, "find account by ", detail, NULL), rv);
    }
    switch (found) {
    case DT_FOUND_NONE:
        return APR_SUCCESS;
    case DT_FOUND_ONE:
        return bind_account(w, apr_pstrcat(pool, "auto:", rule->source, NULL), detail);
    default:
        return decide(w, DT_WHY_AMBIGUOUS, detail);
    }
}

/* --- what becomes of somebody whom nothing matched --- */

static void leave_out_empty(dt_account_value_t *values)
{
    dt_account_value_t *kept = values;

    for (; values->name; values++) {
        if (*values->value) {
            *kept++ = *values;
        }
    }
    *kept = (dt_account_value_t){NULL, NULL};
}

static apr_status_t create_account(const work_t *w)
{
    const dt_accounts_t *accounts = w->bind->accounts;
    dt_account_value_t *values = fill_values(w);
    const char *key = value_of(values, w->bind->key_attribute);
    const dt_claim_t claim = claim_to(w, key, "create");
    bool created = false;
    apr_status_t rv;

    if (!accounts->create || is_blank(key) || !dt_policy_is_user_name(key)) {
        return decide(w, DT_WHY_CANNOT_CREATE, NULL);
    }
    leave_out_empty(values);
    rv = accounts->create(accounts->plug.self, w->call, values, &claim, &created);
    if (rv != APR_SUCCESS) {
        return unavailable(w, "create account", rv);
    }
    *w->account = (dt_account_t){.key = key};
    if (!created) {
        return look_again(w, DT_WHY_ACCOUNT_EXISTS, NULL);
    }
    rv = audit_bound(w, key, "create");
    return rv == APR_SUCCESS ? read_account(w, key) : rv;
}

static apr_status_t decide_unbound(const work_t *w)
{
    switch (w->bind->unbound) {
    case DT_UNBOUND_BIND:
        return decide(w, DT_WHY_BIND, NULL);
    case DT_UNBOUND_CREATE:
        return create_account(w);
    default:
        return decide(w, DT_WHY_UNBOUND, NULL);
    }
}

/* --- the use cases --- */

static work_t work(const dt_bind_t *bind, const dt_call_t *call, const dt_member_t *person,
                   dt_account_t *account, dt_result_t *result)
{
    *account = (dt_account_t){NULL};
    *result = (dt_result_t){.what = DT_UNSURE};
    return (work_t){bind, call, person, account, result};
}

apr_status_t dt_bind_person(const dt_bind_t *bind, const dt_call_t *call, const dt_member_t *person,
                            dt_account_t *account, dt_result_t *result)
{
    const work_t w = work(bind, call, person, account, result);
    apr_status_t rv;

    if (!bind->accounts) {
        return decide(&w, DT_WHY_SIGNED_IN, NULL);
    }
    rv = find_bound(&w);
    if (rv == APR_SUCCESS && result->what == DT_SIGNED_IN) {
        return refresh(&w);
    }
    for (const dt_autobind_t *rule = bind->autobind; rule && rule->source && is_open(rv, &w);
         rule++) {
        rv = try_rule(&w, rule);
    }
    return is_open(rv, &w) ? decide_unbound(&w) : rv;
}

apr_status_t dt_bind_to(const dt_bind_t *bind, const dt_call_t *call, const dt_member_t *person,
                        const char *key, const char *method, dt_account_t *account,
                        dt_result_t *result)
{
    const work_t w = work(bind, call, person, account, result);
    dt_bound_t bound = DT_BOUND_TAKEN;
    apr_status_t rv;

    /* Read first: what does not count any more is not bound to. */
    rv = read_account(&w, key);
    if (rv != APR_SUCCESS || result->what != DT_SIGNED_IN) {
        return rv;
    }
    rv = bind_key(&w, key, method, &bound);
    if (rv != APR_SUCCESS || bound == DT_BOUND) {
        return rv;
    }
    return decide(
        &w, DT_WHY_REFUSED,
        dt_whys[bound == DT_BOUND_OTHER ? DT_WHY_BOUND_OTHERWISE : DT_WHY_ACCOUNT_TAKEN].name);
}
