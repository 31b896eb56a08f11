/* SPDX-License-Identifier: Apache-2.0 */
/* The revocations of all nodes: one table in shared memory that follows the databases. */
#ifndef DTH_REVOKED_H
#define DTH_REVOKED_H

#include "core/revoke.h"
#include "httpd/providers.h"

#include <httpd.h>

/** Made by post_config, read-only after it; what it points to in shared memory is not. */
typedef struct dth_revoked_t dth_revoked_t;

/**
 * Make the table, or take over that of the generation before a graceful restart, and let every site
 * know it. post_config only, when the providers are made.
 * @return NULL, or what is wrong
 */
const char *dth_revoked_make(apr_pool_t *pconf, server_rec *s, const dth_providers_t *made,
                             dth_revoked_t **revoked);

/**
 * Load what is in force before this child answers a request: only if no child has done it since the
 * start. A database that does not answer is an error in the log. child_init only, after the
 * providers have started.
 */
void dth_revoked_load(const dth_revoked_t *revoked, apr_pool_t *pchild);

/**
 * Read what is new where that is due and no other child is at it. mod_watchdog's thread.
 * @param end of dt_call_t
 */
void dth_revoked_poll(const dth_revoked_t *revoked, apr_pool_t *pool, volatile apr_uint32_t *end);

/** The shortest time between two polls of a database. */
apr_interval_time_t dth_revoked_interval(const dth_revoked_t *revoked);

/**
 * Sessions of subject that began at or before not_before are dead: here from now on, elsewhere as
 * soon as the site's database has told them.
 * @param subject    as dt_subject_*_text writes it
 * @param expires_at when the last of these sessions has ended anyway
 * @return APR_SUCCESS; anything else when the other nodes cannot be told, which is logged
 */
apr_status_t dth_revoked_add(request_rec *r, const dt_call_t *call, const dth_site_t *site,
                             const char *subject, apr_time_t not_before, apr_time_t expires_at);

/** The same for the core, which has no request. Lives in pconf. */
const dt_revoker_t *dth_revoked_revoker(apr_pool_t *pconf, dth_site_t *site);

/** How a database is followed. */
typedef struct dth_followed_t {
    apr_interval_time_t age; /* since its revocations were last read to their end, or first tried */
    bool is_late;            /* that is too long, and an administrator was told */
} dth_followed_t;

/** Database number i, from 0; false when there are fewer. Any thread. */
bool dth_revoked_followed(const dth_revoked_t *revoked, int i, dth_followed_t *followed);

/**
 * Whether the site's database answers, as far as that is known without asking it: it was read a
 * moment ago. Any thread.
 */
bool dth_revoked_is_followed(const dth_site_t *site);

/** The longest life of any session, by whatever clock. */
apr_interval_time_t dth_revoked_longest(const dth_site_t *site);

/** When a session of any site that begins at now has ended. */
apr_time_t dth_revoked_end(const dth_site_t *site, apr_time_t now);

/** Whether the member record of a session's person has changed since it was last renewed. */
bool dth_revoked_is_stale(const dth_site_t *site, const dt_session_t *session);

/** Whether a session that was opened is revoked. The hot path. */
static inline bool dth_revoked_is_dead(const dth_site_t *site, const dt_session_t *session)
{
    return dt_revoke_is_dead(site->revocations, site->corp, session,
                             site->user_is_account ? session->user : (dt_slice_t){NULL, 0});
}

#endif
