/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a site that turns persons into accounts: its directives judged, and made of them. */
#ifndef DTH_SITE_BIND_H
#define DTH_SITE_BIND_H

#include "httpd/site.h"

/**
 * Judge the directives of accounts and binding, and fill in what needs no secret and nobody
 * outside. Called by check_config.
 * @return NULL, or what is wrong
 */
const char *dth_site_bind_check(apr_pool_t *p, apr_pool_t *ptemp, dth_site_t *site);

/**
 * Make the accounts of a site whose db is there, with their password. Called by post_config.
 * @return NULL, or what is wrong
 */
const char *dth_site_bind_make(apr_pool_t *pconf, dth_site_t *site);

#endif
