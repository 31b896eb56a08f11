/* SPDX-License-Identifier: Apache-2.0 */
/* The site: everything that can be wrong in a server's directives is found here. */
#include "httpd/site.h"

#include "core/bytes.h"
#include "core/seal.h"
#include "httpd/export.h"
#include "httpd/lifecycle.h"
#include "httpd/secret.h"
#include "httpd/site_bind.h"
#include "httpd/site_codes.h"
#include "httpd/socache_start.h"
#include "httpd/state.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

/* How many times DingTalkTimeout's total a request waits for databases and directories in all: some
 * ask a dozen questions. Where calls have little time, one connection needs more. */
#define ANSWERS 2
#define LEAST_PATIENCE apr_time_from_sec(4)

/* DingTalk's public hosts. */
static const char *const public_hosts[DTH_ENDPOINTS] = {"https://login.dingtalk.com",
                                                        "https://api.dingtalk.com",
                                                        "https://oapi.dingtalk.com"};

/* Which server, as an administrator finds it. */
static const char *server_name(apr_pool_t *p, const server_rec *s)
{
    return s->defn_name == NULL ? "main server"
                                : apr_psprintf(p, "virtual host %s, %s:%u", s->server_hostname,
                                               s->defn_name, s->defn_line_number);
}

static const char *lower(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrdup(p, text);

    ap_str_tolower(copy);
    return copy;
}

static const char *attributes(apr_pool_t *p, const char *path, const char *domain, int samesite,
                              int secure)
{
    return apr_pstrcat(p, "; Path=", path, domain != NULL ? "; Domain=" : "",
                       domain != NULL ? domain : "",
                       "; HttpOnly; SameSite=", dth_samesite_words[samesite - 1],
                       secure ? "; Secure" : "", NULL);
}

/* How the names of tickets begin. They are always for this host and all its paths, since the
 * callback is where they are needed: so where they are Secure they may have the prefix with which
 * browsers take them from no other host of the domain, whatever the session's name is. */
static const char *ticket_name(apr_pool_t *p, const char *session, int secure)
{
    static const char *const prefixes[] = {"__Host-", "__Secure-", NULL};

    if (!secure) {
        return session;
    }
    for (const char *const *prefix = prefixes; *prefix != NULL; prefix++) {
        if (strncmp(session, *prefix, strlen(*prefix)) == 0) {
            session += strlen(*prefix);
            break;
        }
    }
    return apr_pstrcat(p, prefixes[0], session, NULL);
}

/* Cookie names and attributes (RFC 6265bis, section 4.1.3 for the prefixes). */
static void make_cookies(apr_pool_t *p, const dth_server_t *conf, int secure,
                         dth_cookies_t *cookies)
{
    int samesite = dth_choice(conf->cookie_samesite);
    const char *name = conf->cookie_name, *ticket;

    if (name == NULL) {
        name = !secure ? "dingtalk"
               : strcmp(conf->cookie_path, "/") == 0 && conf->cookie_domain == NULL
                   ? "__Host-dingtalk"
                   : "__Secure-dingtalk";
    }
    ticket = ticket_name(p, name, secure);
    cookies->session = name;
    cookies->ticket = apr_pstrcat(p, ticket, "-ticket-", NULL);
    cookies->bind = apr_pstrcat(p, ticket, "-bind", NULL);
    cookies->session_len = strlen(cookies->session);
    cookies->ticket_len = strlen(cookies->ticket);
    cookies->bind_len = strlen(cookies->bind);
    cookies->session_as = attributes(p, conf->cookie_path, conf->cookie_domain, samesite, secure);
    /* A Strict ticket would not come back from DingTalk's page: that is another site's link. */
    cookies->ticket_as = attributes(p, "/", NULL,
                                    samesite == DTH_SAMESITE_STRICT ? DTH_SAMESITE_LAX : samesite,
                                    secure);
}

/* A prefix of a cookie name is a promise to the browser, which drops a cookie that breaks it. */
static const char *check_cookies(apr_pool_t *p, const dth_site_t *site)
{
    const dth_server_t *conf = site->conf;
    const char *name = conf->cookie_name;
    int secure = dth_choice(conf->cookie_secure);
    int never_secure =
        secure == DTH_SECURE_OFF ||
        (secure == DTH_SECURE_AUTO && site->origin.text != NULL && !site->origin.https);

    if (dth_choice(conf->cookie_samesite) == DTH_SAMESITE_NONE && never_secure) {
        return "DingTalkCookieSameSite: None needs a Secure cookie: browsers drop it otherwise; "
               "use https and DingTalkCookieSecure auto or on";
    }
    if (name != NULL && strncmp(name, "__", 2) == 0 && never_secure) {
        return "DingTalkCookieName: a name with the prefix __Secure- or __Host- needs a Secure "
               "cookie; use https and DingTalkCookieSecure auto or on";
    }
    if (name != NULL && strncmp(name, "__Host-", 7) == 0 &&
        (conf->cookie_domain != NULL || strcmp(conf->cookie_path, "/") != 0)) {
        return "DingTalkCookieName: a name with the prefix __Host- goes with DingTalkCookiePath / "
               "and without DingTalkCookieDomain only";
    }
    if (conf->cookie_domain != NULL && site->origin.text != NULL) {
        apr_size_t host = strlen(site->origin.host), domain = strlen(site->cookie_domain_host);

        if (strcmp(site->origin.host, site->cookie_domain_host + 1) != 0 &&
            (host < domain ||
             strcmp(site->origin.host + host - domain, site->cookie_domain_host) != 0)) {
            return apr_psprintf(p,
                                "DingTalkCookieDomain: \"%s\" must be the host of "
                                "DingTalkPublicURL or a domain it is in",
                                conf->cookie_domain);
        }
    }
    return NULL;
}

static const dt_login_param_t *make_params(apr_pool_t *p, const dth_server_t *conf)
{
    apr_table_t *table = apr_table_make(p, 4);
    const apr_table_entry_t *entry;
    dt_login_param_t *params;
    int count;

    apr_table_setn(table, "scope", "openid corpid");
    apr_table_setn(table, "prompt", "consent");
    if (conf->login_params != NULL) {
        apr_table_overlap(table, conf->login_params, APR_OVERLAP_TABLES_SET);
    }
    entry = (const apr_table_entry_t *)apr_table_elts(table)->elts;
    count = apr_table_elts(table)->nelts;
    params = apr_pcalloc(p, (apr_size_t)(count + 1) * sizeof(*params));
    for (int i = 0; i < count; i++) {
        params[i].name = entry[i].key;
        params[i].value = entry[i].val;
    }
    return params;
}

static const char *const *make_attributes(apr_pool_t *p, const dth_server_t *conf)
{
    const char *const *words = (const char *const *)conf->attributes->elts;
    apr_size_t count = (apr_size_t)conf->attributes->nelts;
    const char **list = apr_pcalloc(p, (count + 1) * sizeof(*list));

    memcpy(list, words, count * sizeof(*list));
    return list;
}

static const dth_export_name_t *make_exports(apr_pool_t *p, const dth_server_t *conf)
{
    int count = conf->attributes->nelts;
    dth_export_name_t *names = apr_pcalloc(p, (apr_size_t)(count + 1) * sizeof(*names));

    for (int i = 0; i < count; i++) {
        names[i] = dth_export_name(p, APR_ARRAY_IDX(conf->attributes, i, const char *));
    }
    return names;
}

static void make_app(apr_pool_t *p, dth_site_t *site)
{
    const dth_server_t *conf = site->conf;
    const char *url[DTH_ENDPOINTS], *path;
    dt_origin_t login;

    for (int i = 0; i < DTH_ENDPOINTS; i++) {
        url[i] = conf->endpoints.url[i] != NULL ? conf->endpoints.url[i] : public_hosts[i];
    }
    site->app = (dt_app_t){.client_id = conf->client_id,
                           .corp_id = conf->corp_id,
                           .login_url = url[DTH_LOGIN],
                           .api_url = url[DTH_API],
                           .oapi_url = url[DTH_OAPI]};
    dt_url_origin(p, url[DTH_LOGIN], &login, &path);
    site->login_origin = login.text;
}

static const char *check_keys(apr_pool_t *ptemp, const dth_server_t *conf)
{
    for (int i = 0; conf->keys != NULL && i < conf->keys->nelts; i++) {
        dt_slice_t value;
        const char *wrong =
            dth_secret_peek(ptemp, &APR_ARRAY_IDX(conf->keys, i, dth_secret_ref_t), &value);

        if (wrong != NULL) {
            return wrong;
        }
        if (value.data != NULL && value.len < DT_KEY_TEXT_MIN) {
            return apr_psprintf(ptemp,
                                "DingTalkKey: key %d has %" APR_SIZE_T_FMT " bytes; it "
                                "must have %d or more, as from openssl rand -base64 48",
                                i + 1, value.len, DT_KEY_TEXT_MIN);
        }
    }
    return NULL;
}

/* In the form DingTalk's console gives them (event subscription, HTTP push). */
static const char *check_events(apr_pool_t *ptemp, const dth_server_t *conf)
{
    dt_slice_t value;
    const char *wrong = dth_secret_peek(ptemp, conf->event_token, &value);

    if ((conf->event_token == NULL) != (conf->event_aes_key == NULL)) {
        return "DingTalkEventToken: goes with DingTalkEventAESKey; give both, from the same page "
               "of "
               "DingTalk's console";
    }
    if (wrong == NULL) {
        wrong = dth_secret_peek(ptemp, conf->event_aes_key, &value);
    }
    if (wrong != NULL) {
        return wrong;
    }
    for (apr_size_t i = 0; i < value.len; i++) {
        if (!apr_isalnum(value.data[i])) {
            value.len = 0; /* and so it is said below */
        }
    }
    return value.data != NULL && value.len != 43
               ? "DingTalkEventAESKey: must have the 43 letters and digits of the console's aes_key"
               : NULL;
}

/* Secrets that can be read without running anything are checked now, also under -t. */
static const char *check_secrets(apr_pool_t *ptemp, const dth_server_t *conf)
{
    dt_slice_t value;
    const char *wrong = dth_secret_peek(ptemp, conf->client_secret, &value);

    if (wrong == NULL) {
        wrong = check_keys(ptemp, conf);
    }
    return wrong != NULL ? wrong : check_events(ptemp, conf);
}

static const char *check_required(const dth_server_t *conf)
{
    if (conf->client_secret == NULL) {
        return "DingTalkClientSecret: is missing; DingTalkClientID needs the secret from the same "
               "page of DingTalk's console";
    }
    if (conf->corp_id == NULL) {
        return "DingTalkCorpID: is missing; give the CorpID of the organisation whose members may "
               "come in";
    }
    return NULL;
}

static dt_admit_t make_admit(apr_pool_t *p, dth_server_t *conf)
{
    bool accounts = dth_choice(conf->accounts.kind) != DTH_ACCOUNTS_NONE;

    if (conf->remote_user == NULL) {
        conf->remote_user = accounts ? "account" : "userid";
    }
    return (dt_admit_t){.lifetimes = {.absolute = conf->session_lifetime.time,
                                      .idle = conf->session_idle.time,
                                      .recheck = conf->recheck.time},
                        .remote_user = conf->remote_user,
                        .attributes = make_attributes(p, conf)};
}

static const char *make_pages(apr_pool_t *p, dth_site_t *site)
{
    const char *folder = site->conf->pages;
    const char *wrong;

    folder = folder == NULL ? NULL : ap_server_root_relative(p, folder);
    wrong = dth_pages_load(p, folder, &site->pages);
    return wrong == NULL ? NULL : apr_pstrcat(p, "DingTalkPages: ", wrong, NULL);
}

/* A cache, or nothing where cookies are all there is. Sites that name the same one share it. */
static const char *check_store(apr_pool_t *p, apr_pool_t *ptemp, dth_site_t *site)
{
    const char *store = site->conf->session_store;
    const apr_size_t len = strlen(DTH_SOCACHE);
    const char *wrong;

    if (strncmp(store, DTH_SOCACHE, len) != 0) {
        return NULL;
    }
    wrong = dth_socache_check(p, ptemp, store + len, &site->socache);
    return wrong == NULL ? NULL : apr_pstrcat(p, "DingTalkSessionStore: ", wrong, NULL);
}

/* --- the database --- */

static void make_database(apr_pool_t *p, dth_server_t *conf)
{
    if (conf->database.driver == NULL) {
        conf->database =
            (dth_database_t){"sqlite3", apr_pstrcat(p, conf->state_dir, "/dingtalk.db", NULL)};
    }
}

/* Without accounts a database is good for the audit alone: people come in without it. */
static const char *check_database(apr_pool_t *ptemp, const dth_server_t *conf)
{
    const char *wrong = NULL;

    if (dth_choice(conf->accounts.kind) != DTH_ACCOUNTS_NONE) {
        wrong = dt_db_check(ptemp, conf->database.driver);
    }
    return wrong == NULL ? NULL : apr_pstrcat(ptemp, "DingTalkDatabase: ", wrong, NULL);
}

/* NULL and conf->site, or what is wrong with the server's directives. */
static const char *make_site(apr_pool_t *p, apr_pool_t *ptemp, const server_rec *s,
                             dth_server_t *conf)
{
    dth_site_t *site = apr_pcalloc(p, sizeof(*site));
    const char *wrong = dth_config_defaults(p, conf);

    if (wrong != NULL) {
        return apr_pstrcat(p, wrong, ": the built-in default is not usable; set it", NULL);
    }
    wrong = check_required(conf);
    if (wrong == NULL) {
        wrong = check_secrets(ptemp, conf);
    }
    if (wrong != NULL) {
        return wrong;
    }
    conf->state_dir = ap_server_root_relative(p, conf->state_dir);
    if (conf->keys == NULL && (wrong = dth_state_check(ptemp, conf->state_dir)) != NULL) {
        return wrong;
    }
    site->conf = conf;
    site->server = server_name(p, s);
    site->path = conf->path;
    site->patience = ANSWERS * conf->timeout.total;
    site->patience = site->patience > LEAST_PATIENCE ? site->patience : LEAST_PATIENCE;
    if (conf->public_url != NULL) {
        dt_url_origin(p, conf->public_url, &site->origin, NULL);
    }
    if (conf->cookie_domain != NULL) {
        conf->cookie_domain += *conf->cookie_domain == '.';
        site->cookie_domain_host = apr_pstrcat(p, ".", lower(p, conf->cookie_domain), NULL);
    }
    site->exports = make_exports(p, conf);
    make_app(p, site);
    make_cookies(p, conf, 0, &site->cookies[0]);
    make_cookies(p, conf, 1, &site->cookies[1]);
    make_database(p, conf);
    site->login = (dt_login_t){.client = {.app = &site->app},
                               .ticket_lifetime = conf->ticket_lifetime.time,
                               .params = make_params(p, conf),
                               .admit = make_admit(p, conf)};
    conf->site = site;
    dth_lifecycle_add(p, site);
    wrong = check_cookies(p, site);
    if (wrong == NULL) {
        wrong = check_store(p, ptemp, site);
    }
    if (wrong == NULL) {
        wrong = make_pages(p, site);
    }
    if (wrong == NULL) {
        wrong = check_database(ptemp, conf);
    }
    if (wrong == NULL) {
        wrong = dth_site_codes_check(p, ptemp, site);
    }
    return wrong != NULL ? wrong : dth_site_bind_check(p, ptemp, site);
}

static int refuse(apr_pool_t *plog, const server_rec *s, const char *wrong)
{
    ap_log_error(APLOG_MARK, APLOG_EMERG | APLOG_STARTUP, 0, s, DTNO(0001) "%s (%s)", wrong,
                 server_name(plog, s));
    return HTTP_INTERNAL_SERVER_ERROR;
}

int dth_site_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const server_rec *orphan = NULL; /* has directives that are of no use without a Client ID */
    bool sites = false;

    for (; s != NULL; s = s->next) {
        dth_server_t *conf = dth_server_conf(s);
        const char *wrong;

        if (conf->client_id == NULL && (conf->client_secret != NULL || conf->corp_id != NULL)) {
            orphan = s;
        }
        sites |= conf->client_id != NULL;
        /* A virtual host without directives of ours has its base's configuration. */
        if (conf->client_id == NULL || conf->site != NULL) {
            continue;
        }
        wrong = make_site(pconf, ptemp, s, conf);
        if (wrong != NULL) {
            return refuse(plog, s,
                          wrong); /* one at a time: those that inherit it would repeat it */
        }
    }
    if (orphan != NULL && !sites) { /* else it is the common part of virtual hosts that have one */
        return refuse(plog, orphan,
                      "DingTalkClientID: is missing; give the Client ID (AppKey) of the app "
                      "in DingTalk's console");
    }
    return OK;
}
