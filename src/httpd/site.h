/* SPDX-License-Identifier: Apache-2.0 */
/* The site: what one server's directives amount to, ready for use by requests. */
#ifndef DTH_SITE_H
#define DTH_SITE_H

#include "core/login.h"
#include "core/push.h"
#include "core/revoke.h"
#include "core/tally.h"
#include "core/url.h"
#include "core/watch.h"
#include "httpd/config.h"
#include "httpd/templates.h"
#include "provider/db.h"
#include "provider/turnstile.h"

/** Names and attributes of the cookies, for plain and for Secure cookies. */
typedef struct dth_cookies_t {
    const char *session; /* name */
    const char *ticket;  /* how the names of ticket cookies begin */
    const char *bind;    /* name of the bind ticket's cookie */
    apr_size_t session_len;
    apr_size_t ticket_len;
    apr_size_t bind_len;
    const char *session_as; /* attributes, from "; Path" on */
    const char *ticket_as;  /* of ticket cookies, and of the bind ticket's */
} dth_cookies_t;

struct dth_revoked_t;
struct dth_feed_t;
struct dth_socache_t;
struct dth_counters_t;

/** The names under which an application sees an attribute. */
typedef struct dth_export_name_t {
    const char *attribute;
    const char *variable;
    const char *header;
} dth_export_name_t;

/**
 * Made by check_config from a merged dth_server_t, completed by post_config with what -t must not
 * touch (commands, the state directory, keys), read-only after that. Lives in pconf.
 */
typedef struct dth_site_t {
    const dth_server_t *conf;
    const char *server; /* which one, for messages */
    dt_app_t app;
    dt_login_t login;
    dt_db_t *db;                     /* made by post_config, as the next */
    const dt_http_t *gateways;       /* outgoing calls to those that send codes */
    struct dth_socache_t *socache;   /* the sessions' cache, made by check_config; NULL: cookies */
    struct dth_counters_t *counters; /* shared memory */
    dt_turnstile_t *turnstile;       /* of those who wait for other sides, whatever their site */
    dt_tally_t *wrong_codes;         /* that DingTalk refused, by address, whatever the site */
    const dt_subscription_t *events; /* NULL: none, and no endpoint for them */
    const dt_watch_t *watch;
    struct dth_revoked_t *revoked;
    struct dth_feed_t *feed;          /* of it: how far this database has been read */
    dt_revoke_t *revocations;         /* the table of it */
    dt_subject_t corp;                /* as that table knows it */
    bool user_is_account;             /* REMOTE_USER is the account's key */
    const char *path;                 /* DingTalkPath */
    apr_interval_time_t patience;     /* of one request with databases and directories, in all */
    const dth_export_name_t *exports; /* of DingTalkAttributes, up to a NULL attribute */
    dt_origin_t origin;               /* DingTalkPublicURL; text is NULL when the request decides */
    const char *login_origin;         /* of DingTalk's page, which a form of ours may end up at */
    const char *cookie_domain_host;   /* "." and the cookies' Domain, or NULL */
    dth_cookies_t cookies[2];         /* [0] plain, [1] Secure */
    dth_pages_t pages;                /* DingTalkPages, and what is built in */
} dth_site_t;

/**
 * The check_config hook: defaults, everything that can be wrong, and a site for each server with
 * a DingTalkClientID. Logs what is wrong, with the directive's name. Start-up only.
 */
int dth_site_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

#endif
