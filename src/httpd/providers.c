/* SPDX-License-Identifier: Apache-2.0 */
/* What sites need of the world: made once for all sites that can share it. */
#include "httpd/providers.h"

#include "httpd/counters.h"
#include "httpd/shared.h"
#include "httpd/site_bind.h"
#include "httpd/site_codes.h"
#include "httpd/socache_start.h"
#include "httpd/store_socache.h"
#include "provider/apptoken.h"
#include "provider/courier.h"
#include "provider/curl.h"
#include "provider/memory_dbd.h"
#include "provider/store_cookie.h"
#include "provider/turnstile.h"

#include <ap_mpm.h>
#include <apr_strings.h>

#include <string.h>

#define COURIERS 8 /* codes on their way at the same time, per child */

/* Of who wants to sign in while others do, at least: who may wait longer for DingTalk may wait
 * longer for others, too. /bind/code takes a second where nothing is wrong. */
#define TURN_PATIENCE apr_time_from_msec(2500)
#define TURN_SLOW apr_time_from_sec(1)
#define TURN_STUCK apr_time_from_msec(1500)
#define TURN_LONGEST apr_time_from_sec(120)

dth_providers_t *dth_providers_none(apr_pool_t *pconf)
{
    dth_providers_t *made = apr_palloc(pconf, sizeof(*made));

    made->sites = apr_array_make(pconf, 4, sizeof(dth_site_t *));
    made->plugs = apr_array_make(pconf, 8, sizeof(const dt_plug_t *));
    made->dbs = apr_array_make(pconf, 2, sizeof(dt_db_t *));
    made->socaches = apr_array_make(pconf, 2, sizeof(dth_socache_t *));
    return made;
}

static int threads_of_a_child(void)
{
    int threads = 0;

    return ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) == APR_SUCCESS && threads > 1 ? threads : 1;
}

/* How many children there may be, where each has one thread; else 0. */
static int lone_children(void)
{
    int children = 0;

    if (threads_of_a_child() == 1) {
        (void)ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    }
    return children;
}

/* Half of a child's threads may wait for others; the rest serve those who are signed in. */
static int at_most(int max)
{
    const int threads = threads_of_a_child();

    if (threads < 2) {
        return 1;
    }
    return threads / 2 < max ? threads / 2 : max;
}

/* --- what can be shared --- */

typedef bool same_t(const dth_site_t *a, const dth_site_t *b);

static bool same_calls(const dth_site_t *a, const dth_site_t *b)
{
    return a->conf->timeout.connect == b->conf->timeout.connect &&
           a->conf->timeout.total == b->conf->timeout.total;
}

/* One app token however many virtual hosts there are. */
static bool same_app(const dth_site_t *a, const dth_site_t *b)
{
    return same_calls(a, b) && strcmp(a->app.client_id, b->app.client_id) == 0 &&
           strcmp(a->app.client_secret, b->app.client_secret) == 0 &&
           strcmp(a->app.api_url, b->app.api_url) == 0;
}

static bool same_gateways(const dth_site_t *a, const dth_site_t *b)
{
    return same_calls(a, b) && a->gateways != NULL;
}

static bool same_database(const dth_site_t *a, const dth_site_t *b)
{
    return strcmp(a->conf->database.driver, b->conf->database.driver) == 0 &&
           strcmp(a->conf->database.params, b->conf->database.params) == 0 &&
           a->conf->timeout.total == b->conf->timeout.total;
}

static bool same_socache(const dth_site_t *a, const dth_site_t *b)
{
    return a->socache == b->socache;
}

static const dth_site_t *find(const dth_providers_t *made, const dth_site_t *site, same_t *same)
{
    for (int i = 0; i < made->sites->nelts; i++) {
        const dth_site_t *other = APR_ARRAY_IDX(made->sites, i, dth_site_t *);

        if (same(other, site)) {
            return other;
        }
    }
    return NULL;
}

/* --- making --- */

static void add_plug(dth_providers_t *made, const dt_plug_t *plug)
{
    APR_ARRAY_PUSH(made->plugs, const dt_plug_t *) = plug;
}

static const char *no_connections(apr_pool_t *pconf, apr_status_t rv)
{
    return apr_psprintf(pconf, "DingTalkTimeout: connections cannot be made: %pm", &rv);
}

static apr_interval_time_t longer(apr_interval_time_t a, apr_interval_time_t b)
{
    return a > b ? a : b;
}

/* Half of a child's threads may wait for others, and a quarter for their turn; or of the children
 * where each has one thread. */
static dt_turnstile_limits_t turnstile_limits(apr_interval_time_t total)
{
    const int children = lone_children();
    const int all = children > 0 ? children : threads_of_a_child();

    return (dt_turnstile_limits_t){.places = all > 1 ? all / 2 : 1,
                                   .seats = all / 4,
                                   .patience = longer(TURN_PATIENCE, total / 2),
                                   .slow = longer(TURN_SLOW, total / 5),
                                   .stuck = longer(TURN_STUCK, total * 3 / 10),
                                   .longest = longer(TURN_LONGEST, 24 * total)};
}

static apr_status_t make_turnstile(apr_pool_t *pconf, dth_providers_t *made,
                                   apr_interval_time_t total)
{
    const dt_turnstile_limits_t limits = turnstile_limits(total);
    const apr_size_t size = dt_turnstile_size(&limits);
    void *memory = NULL;
    apr_status_t rv = APR_SUCCESS;

    if (lone_children() == 0) {
        memory = apr_pcalloc(pconf, size);
    }
    else {
        rv = dth_shared_make(pconf, size, &memory);
    }
    if (rv == APR_SUCCESS) {
        made->turnstile = dt_turnstile_create(memory, &limits);
    }
    return rv;
}

/* Whoever guesses meets any child, and DingTalk counts the calls of all of them. */
static apr_status_t make_tally(apr_pool_t *pconf, dth_providers_t *made)
{
    void *memory;
    const apr_status_t rv = dth_shared_make(pconf, dt_tally_size(), &memory);

    return rv == APR_SUCCESS ? dt_tally_create(memory, &made->wrong_codes) : rv;
}

apr_status_t dth_providers_begin(apr_pool_t *pconf, dth_providers_t *made,
                                 apr_interval_time_t total)
{
    const apr_status_t rv = make_turnstile(pconf, made, total);

    return rv == APR_SUCCESS ? make_tally(pconf, made) : rv;
}

/* Where a child has one thread, children learn from each other who does not answer. */
static apr_status_t share_restraint(apr_pool_t *pconf, dt_curl_limits_t *limits)
{
    const int half = lone_children() / 2;
    void *memory = NULL;
    apr_status_t rv;

    if (half == 0) {
        return APR_SUCCESS;
    }
    rv = dth_shared_make(pconf, dt_restraint_size(), &memory);
    if (rv == APR_SUCCESS) {
        limits->restraint = dt_restraint_create(memory,
                                                half > DT_CURL_FAILURES ? half : DT_CURL_FAILURES,
                                                dt_curl_patience(limits->total_timeout));
    }
    return rv;
}

/* once: what is sent twice is two messages on somebody's phone. */
static apr_status_t make_http(apr_pool_t *pconf, dth_providers_t *made, const dth_site_t *site,
                              bool once, const dt_http_t **http)
{
    dt_curl_limits_t limits = {.connect_timeout = site->conf->timeout.connect,
                               .total_timeout = site->conf->timeout.total,
                               .max_connections = at_most(DT_CURL_CONNECTIONS),
                               .once = once,
                               .user_agent = "mod_auth_dingtalk/" DT_VERSION};
    apr_status_t rv = share_restraint(pconf, &limits);

    if (rv == APR_SUCCESS) {
        rv = dt_curl_create(pconf, &limits, http);
    }
    if (rv == APR_SUCCESS) {
        add_plug(made, &(*http)->plug);
    }
    return rv;
}

static const char *make_client(apr_pool_t *pconf, dth_providers_t *made, dth_site_t *site)
{
    const dth_site_t *other = find(made, site, same_app);
    const apr_interval_time_t total = site->conf->timeout.total;
    /* A fetch is one call, or two when DingTalk says it is busy. The one who fetches and those who
     * may wait for it are half of the threads at most; the others do as who finds no connection. */
    const dt_apptoken_limits_t limits = {.patience = 3 * total,
                                         .max_patient = at_most(DT_CURL_CONNECTIONS) - 1,
                                         .hurry = dt_curl_patience(total)};
    dt_client_t *client = &site->login.client;
    apr_status_t rv;

    client->meter = dth_counters_meter(pconf, site->counters);
    if (other != NULL) {
        client->http = other->login.client.http;
        client->tokens = other->login.client.tokens;
        return NULL;
    }
    rv = make_http(pconf, made, site, false, &client->http);
    if (rv == APR_SUCCESS) {
        rv = dt_apptoken_create(pconf, &limits, &client->tokens);
    }
    if (rv != APR_SUCCESS) {
        return no_connections(pconf, rv);
    }
    add_plug(made, &client->tokens->plug);
    return NULL;
}

/* What the database said when something failed: nobody else tells it. Any thread. */
static void log_database(void *server, const char *text)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, server, DTNO(0005) "database: %s", text);
}

static const char *make_memory(apr_pool_t *pconf, dth_providers_t *made, server_rec *s,
                               dth_site_t *site)
{
    const dth_site_t *other = find(made, site, same_database);
    const dt_db_config_t config = {.driver = site->conf->database.driver,
                                   .params = site->conf->database.params,
                                   .max_connections = at_most(DT_DB_CONNECTIONS),
                                   .patience = site->conf->timeout.total};
    apr_status_t rv;

    if (other != NULL) {
        site->db = other->db;
        site->login.bind.memory = other->login.bind.memory;
        return NULL;
    }
    rv = dt_db_create(pconf, &config, &site->db);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(pconf, "DingTalkDatabase: cannot be used: %pm", &rv);
    }
    dt_db_on_trouble(site->db, log_database, s);
    APR_ARRAY_PUSH(made->dbs, dt_db_t *) = site->db;
    site->login.bind.memory = dt_memory_dbd_create(pconf, site->db);
    return NULL;
}

static void log_courier(void *server, dt_sent_t sent, const char *detail)
{
    ap_log_error(APLOG_MARK, sent == DT_SENT_ADMIN ? APLOG_ERR : APLOG_WARNING, 0, server,
                 DTNO(0006) "a sender of verification codes failed: %s", detail);
}

static const char *make_codes(apr_pool_t *pconf, dth_providers_t *made, server_rec *s,
                              dth_site_t *site)
{
    const dth_site_t *other = find(made, site, same_gateways);
    const dt_sender_t *courier;
    const char *wrong;
    apr_status_t rv;

    /* Codes are for those who are to bind themselves, and for nobody else. */
    if (site->conf->code_via == NULL || site->login.bind.unbound != DT_UNBOUND_BIND) {
        return NULL;
    }
    if (other != NULL) {
        site->gateways = other->gateways;
    }
    else {
        rv = make_http(pconf, made, site, true, &site->gateways);
        if (rv != APR_SUCCESS) {
            return no_connections(pconf, rv);
        }
    }
    wrong = dth_site_codes_make(pconf, site, at_most(COURIERS), &courier);
    if (wrong == NULL) {
        dt_courier_on_trouble(courier, log_courier, s);
        dt_courier_on_end(courier, dth_count_code, site->counters);
        add_plug(made, &courier->plug);
    }
    return wrong;
}

static const char *make_store(apr_pool_t *pconf, dth_providers_t *made, server_rec *s,
                              dth_site_t *site)
{
    const char *wrong;

    if (site->socache == NULL) {
        site->login.admit.store = dt_store_cookie_create(pconf, site->login.keys);
        return NULL;
    }
    wrong = dth_socache_open(pconf, s, site->socache, site->conf->session_lifetime.time);
    if (wrong != NULL) {
        return apr_pstrcat(pconf, "DingTalkSessionStore: ", wrong, NULL);
    }
    if (find(made, site, same_socache) == NULL) {
        APR_ARRAY_PUSH(made->socaches, dth_socache_t *) = site->socache;
    }
    site->login.admit.store = dth_store_socache_create(pconf, site->socache, site->login.keys);
    return NULL;
}

const char *dth_providers_make(apr_pool_t *pconf, dth_providers_t *made, server_rec *s,
                               dth_site_t *site)
{
    const char *wrong = make_client(pconf, made, site);

    site->turnstile = made->turnstile;
    site->wrong_codes = made->wrong_codes;
    if (wrong == NULL) {
        wrong = make_store(pconf, made, s, site);
    }
    if (wrong == NULL) {
        wrong = make_memory(pconf, made, s, site);
    }
    if (wrong == NULL) {
        wrong = dth_site_bind_make(pconf, site);
    }
    if (wrong == NULL && site->login.bind.accounts != NULL) {
        add_plug(made, &site->login.bind.accounts->plug);
    }
    if (wrong == NULL) {
        wrong = make_codes(pconf, made, s, site);
    }
    APR_ARRAY_PUSH(made->sites, dth_site_t *) = site;
    return wrong;
}

apr_status_t dth_providers_start_databases(const dth_providers_t *made, apr_pool_t *pchild)
{
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; rv == APR_SUCCESS && i < made->dbs->nelts; i++) {
        rv = dt_db_start(APR_ARRAY_IDX(made->dbs, i, dt_db_t *), pchild);
    }
    return rv;
}

apr_status_t dth_providers_start(const dth_providers_t *made, apr_pool_t *pchild)
{
    apr_status_t rv, worst = APR_SUCCESS;

    for (int i = 0; i < made->plugs->nelts; i++) {
        const dt_plug_t *plug = APR_ARRAY_IDX(made->plugs, i, const dt_plug_t *);

        rv = plug->start == NULL ? APR_SUCCESS : plug->start(plug->self, pchild);
        worst = rv != APR_SUCCESS ? rv : worst;
    }
    for (int i = 0; i < made->socaches->nelts; i++) {
        rv = dth_socache_start(APR_ARRAY_IDX(made->socaches, i, dth_socache_t *), pchild);
        worst = rv != APR_SUCCESS ? rv : worst;
    }
    return worst;
}
