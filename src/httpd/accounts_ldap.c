/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute store in LDAP, over mod_ldap's pool of connections. */
#include "httpd/accounts_ldap.h"

#include "core/match.h"
#include "httpd/ldap_patience.h"
#include "httpd/log.h"
#include "provider/ldap_filter.h"

#include <apr_optional.h>
#include <apr_strings.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#ifdef DT_HAVE_LDAP /* without the headers of LDAP util_ldap.h is no use */
#include <util_ldap.h>
#endif

#if defined(DT_HAVE_LDAP) && APR_HAS_LDAP

#define ENTRIES_MAX 50 /* a search reads no more than that */
#define SEARCHING \
    apr_time_from_sec(5) /* at most; connecting takes what mod_ldap's directives say */

/* mod_ldap's, each NULL when it is not loaded. Written at start-up only. */
static struct {
    APR_OPTIONAL_FN_TYPE(uldap_connection_find) * find;
    APR_OPTIONAL_FN_TYPE(uldap_connection_open) * open;
    APR_OPTIONAL_FN_TYPE(uldap_connection_unbind) * unbind;
    APR_OPTIONAL_FN_TYPE(uldap_connection_close) * close;
} mod_ldap;

typedef struct store_t {
    dt_accounts_t accounts;
    const char *host; /* or several, each perhaps with its port, as mod_ldap takes them */
    int port;
    int secure; /* APR_LDAP_SSL, or SECURE_AS_MOD_LDAP */
    const char *base;
    int scope;
    const char *filter; /* in parentheses */
    const char *key;    /* attribute */
    const char *bind_dn;
    const char *bind_password;
    const char *phone;
    const char *const *attributes; /* up to NULL */
    int attribute_count;
} store_t;

#define SECURE_AS_MOD_LDAP (APR_LDAP_NONE - 1) /* what LDAPTrustedMode says */

/* A search and what it has found so far. */
typedef struct search_t {
    const store_t *store;
    const dt_call_t *call;
    request_rec *r;
    const char *attribute;
    dt_wanted_t wanted;
    dt_account_t account; /* the first that is the same; without a key when it has none */
    int same;
} search_t;

void dth_accounts_ldap_retrieve(void)
{
    mod_ldap.find = APR_RETRIEVE_OPTIONAL_FN(uldap_connection_find);
    mod_ldap.open = APR_RETRIEVE_OPTIONAL_FN(uldap_connection_open);
    mod_ldap.unbind = APR_RETRIEVE_OPTIONAL_FN(uldap_connection_unbind);
    mod_ldap.close = APR_RETRIEVE_OPTIONAL_FN(uldap_connection_close);
}

bool dth_accounts_ldap_available(void)
{
    return mod_ldap.find && mod_ldap.open && mod_ldap.unbind && mod_ldap.close;
}

/* --- entries --- */

/* A value as text, NULL when it is none. jansson knows what is UTF-8. */
static const char *text_of(apr_pool_t *pool, const struct berval *value)
{
    json_t *text;

    if (value->bv_len == 0 || memchr(value->bv_val, '\0', value->bv_len)) {
        return NULL;
    }
    text = json_stringn(value->bv_val, value->bv_len);
    json_decref(text);
    return text ? apr_pstrmemdup(pool, value->bv_val, value->bv_len) : NULL;
}

/* The first value that is a text; of an attribute that must have one value, that one. */
static const char *value_of(apr_pool_t *pool, LDAP *ldap, LDAPMessage *entry, const char *attribute,
                            bool only)
{
    struct berval **values = ldap_get_values_len(ldap, entry, attribute);
    const char *text = NULL;

    for (int i = 0; values && values[i] && !text; i++) {
        text = text_of(pool, values[i]);
    }
    if (only && ldap_count_values_len(values) != 1) {
        text = NULL;
    }
    ldap_value_free_len(values);
    return text;
}

/* Of the attribute's values the first that is wanted, whatever the directory takes for equal. */
static const char *find_wanted(const search_t *search, LDAP *ldap, LDAPMessage *entry)
{
    struct berval **values = ldap_get_values_len(ldap, entry, search->attribute);
    const char *found = NULL;

    for (int i = 0; values && values[i] && !found; i++) {
        const char *text = text_of(search->call->pool, values[i]);

        found = dt_wanted_is(&search->wanted, text) ? text : NULL;
    }
    ldap_value_free_len(values);
    return found;
}

/* Of several phones the account has, the one that was searched for is meant. */
static dt_account_t account_of(const search_t *search, LDAP *ldap, LDAPMessage *entry,
                               const char *found)
{
    const store_t *store = search->store;
    apr_pool_t *pool = search->call->pool;
    dt_account_value_t *values =
        apr_pcalloc(pool, (apr_size_t)(store->attribute_count + 1) * sizeof(*values));
    bool by_phone = strcasecmp(search->attribute, store->phone) == 0;
    int count = 0;

    for (int i = 0; i < store->attribute_count; i++) {
        const char *name = store->attributes[i];
        const char *value = value_of(pool, ldap, entry, name, false);

        if (value) {
            values[count++] = (dt_account_value_t){name, value};
        }
    }
    return (dt_account_t){.key = value_of(pool, ldap, entry, store->key, true),
                          .phone = by_phone ? found
                                            : value_of(pool, ldap, entry, store->phone, false),
                          .values = values};
}

static void judge(search_t *search, LDAP *ldap, LDAPMessage *entries)
{
    for (LDAPMessage *entry = ldap_first_entry(ldap, entries); entry;
         entry = ldap_next_entry(ldap, entry)) {
        const char *found = find_wanted(search, ldap, entry);

        if (found && ++search->same == 1) {
            search->account = account_of(search, ldap, entry, found);
        }
    }
}

/* What is the same but has no key is nobody's account, and yet makes another one doubtful. */
static dt_found_t found_by(const search_t *search, dt_account_t *account)
{
    if (search->same > 1) {
        return DT_FOUND_SEVERAL;
    }
    if (search->same == 0) {
        return DT_FOUND_NONE;
    }
    if (!search->account.key) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, search->r,
                      DTNO(0063) "an entry that was looked for is no account, because it has not "
                                 "exactly one value of %s",
                      search->store->key);
        return DT_FOUND_NONE;
    }
    *account = search->account;
    return DT_FOUND_ONE;
}

/* --- asking --- */

/* Each once. */
static void add_name(apr_pool_t *pool, char **names, const char *name)
{
    while (*names && strcasecmp(*names, name) != 0) {
        names++;
    }
    *names = apr_pstrdup(pool, name);
}

/* Attributes to read, up to NULL. The library does not change them, but takes no constants. */
static char **attributes_of(const search_t *search)
{
    const store_t *store = search->store;
    apr_pool_t *pool = search->call->pool;
    char **names = apr_pcalloc(pool, (apr_size_t)(store->attribute_count + 4) * sizeof(*names));

    add_name(pool, names, store->key);
    add_name(pool, names, store->phone);
    add_name(pool, names, search->attribute);
    for (int i = 0; i < store->attribute_count; i++) {
        add_name(pool, names, store->attributes[i]);
    }
    return names;
}

/*
 * A referral leads to a server that nobody has configured, and libldap, which follows it if it may,
 * shows that one our name and password. The connection is mod_ldap's, for others as well: it has
 * its own way back afterwards.
 */
static int search_here(const search_t *search, LDAP *ldap, const char *filter, char **attributes,
                       LDAPMessage **entries)
{
    const store_t *store = search->store;
    const apr_interval_time_t patience = dt_patience(search->call, SEARCHING);
    struct timeval limit = {apr_time_sec(patience), apr_time_usec(patience)};
    int follows = 0, code;

    if (ldap_get_option(ldap, LDAP_OPT_REFERRALS, &follows) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_OPT_SUCCESS) {
        return LDAP_OTHER;
    }
    code = ldap_search_ext_s(ldap, store->base, store->scope, filter, attributes, 0, NULL, NULL,
                             &limit, ENTRIES_MAX, entries);
    (void)ldap_set_option(ldap, LDAP_OPT_REFERRALS, follows ? LDAP_OPT_ON : LDAP_OPT_OFF);
    return code;
}

/*
 * Twice when the connection is broken, as a kept one is when the server comes back. One on which
 * nothing came in time is not used again. mod_ldap opens with its own retries and time-outs.
 */
static int ask(const search_t *search, util_ldap_connection_t *ldc, const char *filter,
               LDAPMessage **entries)
{
    char **attributes = attributes_of(search);
    int code = LDAP_SERVER_DOWN;

    for (int attempt = 0; AP_LDAP_IS_SERVER_DOWN(code) && attempt < 2; attempt++) {
        code = mod_ldap.open(search->r, ldc);
        if (code != LDAP_SUCCESS) {
            return code;
        }
        code = search_here(search, ldc->ldap, filter, attributes, entries);
        if (AP_LDAP_IS_SERVER_DOWN(code) || code == LDAP_TIMEOUT) {
            ldap_msgfree(*entries);
            *entries = NULL;
            mod_ldap.unbind(ldc);
        }
    }
    ldc->last_backend_conn = search->r->request_time;
    return code;
}

static const char *advice(int code)
{
    switch (code) {
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_INAPPROPRIATE_AUTH:
        return ": check DingTalkAccountsLogin";
    case LDAP_NO_SUCH_OBJECT:
        return ": the base DN of DingTalkAccounts is not there, or not to be seen";
    case LDAP_REFERRAL:
        return ": it says that another has the base DN; name that one in DingTalkAccounts";
    case LDAP_FILTER_ERROR:
        return ": check the filter of DingTalkAccounts";
    case LDAP_SERVER_DOWN:
    case LDAP_CONNECT_ERROR:
        return ": does it run, and does LDAPTrustedGlobalCert know who signed its certificate?";
    default:
        return "";
    }
}

static apr_status_t failed(const search_t *search, int code)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, search->r,
                  DTNO(0060) "the directory at %s could not be asked: %s%s", search->store->host,
                  ldap_err2string(code), advice(code));
    if (AP_LDAP_IS_SERVER_DOWN(code)) {
        return APR_ECONNREFUSED;
    }
    return code == LDAP_TIMEOUT ? APR_TIMEUP : APR_EGENERAL;
}

/* More entries than may be read are several, the same or not. */
static apr_status_t run(search_t *search, dt_account_t *account, dt_found_t *found)
{
    const store_t *store = search->store;
    const dt_wanted_t *wanted = &search->wanted;
    const char *filter = dt_ldap_filter(search->call->pool, store->filter, search->attribute,
                                        wanted->match, wanted->value, &wanted->phone);
    const apr_time_t began = apr_time_now();
    LDAPMessage *entries = NULL;
    util_ldap_connection_t *ldc;
    int code;

    if (dt_patience(search->call, SEARCHING) == 0) {
        return failed(search, LDAP_TIMEOUT);
    }
    ldc = mod_ldap.find(search->r, store->host, store->port, store->bind_dn, store->bind_password,
                        always, store->secure);
    if (!ldc) {
        return failed(search, LDAP_NO_MEMORY);
    }
    code = ask(search, ldc, filter, &entries);
    if (code == LDAP_SUCCESS) {
        judge(search, ldc->ldap, entries);
    }
    ldap_msgfree(entries);
    mod_ldap.close(ldc);
    dt_waited(search->call, apr_time_now() - began);
    if (code == LDAP_SIZELIMIT_EXCEEDED) {
        *found = DT_FOUND_SEVERAL;
        return APR_SUCCESS;
    }
    if (code != LDAP_SUCCESS) {
        return failed(search, code);
    }
    *found = found_by(search, account);
    return APR_SUCCESS;
}

/* --- the port --- */

static apr_status_t find(void *self, const dt_call_t *call, const char *attribute, dt_match_t match,
                         const char *value, dt_account_t *account, dt_found_t *found)
{
    search_t search = {.store = self, .call = call, .r = call->glue, .attribute = attribute};

    *found = DT_FOUND_NONE;
    if (!dt_ldap_is_attribute(attribute) || !search.r || !dth_accounts_ldap_available()) {
        return APR_EINVAL;
    }
    if (!dt_wanted(call->pool, match, value, &search.wanted)) {
        return APR_SUCCESS;
    }
    return run(&search, account, found);
}

/* Two entries of one key are no account: nobody could say whose is whose. */
static apr_status_t read_key(void *self, const dt_call_t *call, const char *key,
                             dt_account_t *account, dt_found_t *found)
{
    const store_t *store = self;
    const apr_status_t rv = find(self, call, store->key, DT_MATCH_TEXT, key, account, found);

    if (*found == DT_FOUND_SEVERAL) {
        *found = DT_FOUND_NONE;
    }
    return rv;
}

/* --- making --- */

static const char *read_filter(apr_pool_t *pconf, const char *filter)
{
    if (!filter || !*filter) {
        return "(objectClass=*)";
    }
    return *filter == '(' ? filter : apr_pstrcat(pconf, "(", filter, ")", NULL);
}

/* The parts of the URL; NULL, or what is wrong with it. */
static const char *read_url(apr_pool_t *pconf, const char *url, store_t *store)
{
    apr_ldap_url_desc_t *parts = NULL;
    apr_ldap_err_t *error = NULL;

    if (apr_ldap_url_parse_ext(pconf, url, &parts, &error) != APR_SUCCESS) {
        return error && error->reason ? error->reason : "this is no LDAP URL";
    }
    if (strcmp(parts->lud_scheme, "ldapi") == 0) {
        return "the URL must begin with ldap:// or ldaps://";
    }
    if (parts->lud_scope == LDAP_SCOPE_BASE) {
        return "the scope in the URL must be sub or one";
    }
    if (parts->lud_attrs && parts->lud_attrs[0] && parts->lud_attrs[1]) {
        return "the URL must name one attribute, the key; DingTalkAttributes says what else is "
               "read";
    }
    if (parts->lud_exts) {
        return "the URL must not have extensions";
    }
    store->host = parts->lud_host && *parts->lud_host ? parts->lud_host : "localhost";
    store->port = parts->lud_port;
    store->secure = strcmp(parts->lud_scheme, "ldaps") == 0 ? APR_LDAP_SSL : SECURE_AS_MOD_LDAP;
    store->base = parts->lud_dn ? parts->lud_dn : "";
    store->scope = parts->lud_scope == LDAP_SCOPE_ONELEVEL ? LDAP_SCOPE_ONELEVEL
                                                           : LDAP_SCOPE_SUBTREE;
    store->filter = read_filter(pconf, parts->lud_filter);
    store->key = parts->lud_attrs && parts->lud_attrs[0] ? parts->lud_attrs[0] : "uid";
    return NULL;
}

static const char *not_a_name(apr_pool_t *pconf, const char *name)
{
    return apr_psprintf(pconf, "\"%s\" is no name of an LDAP attribute: letters, digits and \"-\"",
                        name);
}

/* NULL, or what is wrong with one. */
static const char *read_attributes(apr_pool_t *pconf, const char *const *wanted, store_t *store)
{
    const char **names;

    while (wanted && wanted[store->attribute_count]) {
        store->attribute_count++;
    }
    names = apr_pcalloc(pconf, (apr_size_t)(store->attribute_count + 1) * sizeof(*names));
    for (int i = 0; i < store->attribute_count; i++) {
        if (!dt_ldap_is_attribute(wanted[i])) {
            return not_a_name(pconf, wanted[i]);
        }
        names[i] = apr_pstrdup(pconf, wanted[i]);
    }
    store->attributes = names;
    return NULL;
}

const char *dth_accounts_ldap_create(apr_pool_t *pconf, const dth_accounts_ldap_config_t *config,
                                     const dt_accounts_t **accounts)
{
    store_t *store = apr_pcalloc(pconf, sizeof(*store));
    const char *wrong = read_url(pconf, config->url, store);

    if (!wrong) {
        wrong = read_attributes(pconf, config->attributes, store);
    }
    if (wrong) {
        return wrong;
    }
    if (!dt_ldap_is_attribute(store->key) || !dt_ldap_is_attribute(config->phone)) {
        return not_a_name(pconf, dt_ldap_is_attribute(store->key) ? config->phone : store->key);
    }
    /* A server takes a name without a password for nobody, and that for a success. */
    if (config->bind_dn && (!config->bind_password || !*config->bind_password)) {
        return "DingTalkAccountsLogin needs a password beside the name";
    }
    store->phone = apr_pstrdup(pconf, config->phone);
    store->bind_dn = apr_pstrdup(pconf, config->bind_dn);
    store->bind_password = apr_pstrdup(pconf, config->bind_password);
    store->accounts =
        (dt_accounts_t){.plug = {.name = "ldap", .self = store, .start = dth_ldap_patience_start},
                        .find = find,
                        .read = read_key};
    *accounts = &store->accounts;
    return NULL;
}

#else

const char *dth_accounts_ldap_create(apr_pool_t *pconf, const dth_accounts_ldap_config_t *config,
                                     const dt_accounts_t **accounts)
{
    return "this module was built without LDAP";
}

void dth_accounts_ldap_retrieve(void)
{
}

bool dth_accounts_ldap_available(void)
{
    return false;
}

#endif
