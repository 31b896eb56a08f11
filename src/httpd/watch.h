/* SPDX-License-Identifier: Apache-2.0 */
/* The watch of all sites: threads of a child, told by requests what there is to do. */
#ifndef DTH_WATCH_H
#define DTH_WATCH_H

#include "core/watch.h"
#include "httpd/providers.h"

/** Made by post_config, read-only after it but for what belongs to a child. */
typedef struct dth_watch_t dth_watch_t;

/** How often a thread looks whether there is something to do. */
#define DTH_WATCH_TICK apr_time_from_msec(100)

/**
 * Make the watch of every site, site->watch; after dth_revoked_make. Sites of the same corp, app
 * and database have one. post_config only.
 * @return NULL, or what is wrong
 */
const char *dth_watch_make(apr_pool_t *pconf, server_rec *s, const dth_providers_t *made,
                           dth_watch_t **watch);

/** Make the queues of this child. child_init, before dth_sweep_start. */
apr_status_t dth_watch_start(dth_watch_t *watch, apr_pool_t *pchild);

/** Who is waited for. Each has a thread of its own: a leaver does not wait for DingTalk. */
typedef enum dth_waiting_t { DTH_WAIT_DATABASE, DTH_WAIT_DINGTALK } dth_waiting_t;

/**
 * Work until there is nothing to do, or until *end is not DT_GOES_ON. A thread of mod_watchdog's
 * for each kind of waiting and child; of all children one at a time does a kind of work for a site,
 * another takes over when it dies. Only between dth_watch_start and the end of its pchild.
 * @param end of dt_call_t
 */
void dth_watch_run(dth_watch_t *watch, dth_waiting_t waiting, apr_pool_t *pool,
                   volatile apr_uint32_t *end);

/*
 * Told by requests: each puts a note into the child's queue and returns at once. When the queue is
 * full the note is lost, which costs nothing but time: the next renewal writes another.
 */

/** A person has signed in by this request. Not noted where nobody is ever looked up again. */
void dth_watch_signed_in(const dth_site_t *site, request_rec *r, const dt_member_t *member);

/** A session is renewed whose person was last looked up longer than DingTalkRecheck ago. */
void dth_watch_recheck(const dth_site_t *site, const dt_session_t *session);

/** A session was renewed with what it had, although its person's record has changed: the database
 *  did not answer. When it does, all nodes are told of the change again. */
void dth_watch_stale(const dth_site_t *site, const dt_session_t *session);

/** Something was kept in the database that is to be done now: by whichever child. */
void dth_watch_wake(const dth_site_t *site);

#endif
