/* SPDX-License-Identifier: Apache-2.0 */
/* What sites need of the world: made once for all sites that can share it. */
#ifndef DTH_PROVIDERS_H
#define DTH_PROVIDERS_H

#include "httpd/site.h"

/** What was made so far. Lives in pconf; read-only after post_config. */
typedef struct dth_providers_t {
    apr_array_header_t *sites;    /* of dth_site_t *: complete ones */
    apr_array_header_t *plugs;    /* of const dt_plug_t *: each provider once */
    apr_array_header_t *dbs;      /* of dt_db_t *: each once */
    apr_array_header_t *socaches; /* of dth_socache_t *: each once */
    dt_turnstile_t *turnstile;    /* of those who sign in at any site */
    dt_tally_t *wrong_codes;      /* of those who guess at any site */
} dth_providers_t;

/** None yet. */
dth_providers_t *dth_providers_none(apr_pool_t *pconf);

/**
 * What all sites share, before the first gets its providers. Start-up only.
 * @param total the longest that an outgoing call of any site may take (DingTalkTimeout)
 * @return APR_SUCCESS, or what the system says about shared memory or random bytes
 */
apr_status_t dth_providers_begin(apr_pool_t *pconf, dth_providers_t *made,
                                 apr_interval_time_t total);

/**
 * Give a site that has its keys and secrets its providers: those of an earlier site where app,
 * time limits or database are the same. Start-up only.
 * @param s for what the providers have to say to the log
 * @return NULL, or what is wrong
 */
const char *dth_providers_make(apr_pool_t *pconf, dth_providers_t *made, server_rec *s,
                               dth_site_t *site);

/** Start the databases in a child, before there are threads. */
apr_status_t dth_providers_start_databases(const dth_providers_t *made, apr_pool_t *pchild);

/** Start all others, whatever becomes of one of them; the last error. Before there are threads. */
apr_status_t dth_providers_start(const dth_providers_t *made, apr_pool_t *pchild);

#endif
