/* SPDX-License-Identifier: Apache-2.0 */
/* What is done beside the requests, by mod_watchdog. */
#ifndef DTH_SWEEP_H
#define DTH_SWEEP_H

#include "httpd/revoked.h"
#include "httpd/watch.h"

typedef struct dth_sweep_t dth_sweep_t;

/**
 * Have every child see to it, from its start on, that its databases have their tables: an
 * administrator wants to fill them before anybody signs in. Without mod_watchdog the first sign-in
 * does it. And have one of them read revocations, and one at a time watch whether members still are
 * members, which nothing does without mod_watchdog. Called by post_config.
 */
dth_sweep_t *dth_sweep_register(apr_pool_t *pconf, server_rec *s, const dth_providers_t *made,
                                const dth_revoked_t *revoked, dth_watch_t *watch);

/**
 * Let the jobs begin in this child, whose providers and watch have started; they end before pchild
 * does. Called by child_init, before mod_watchdog's own.
 */
void dth_sweep_start(dth_sweep_t *sweep, apr_pool_t *pchild);

#endif
