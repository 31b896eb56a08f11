/* SPDX-License-Identifier: Apache-2.0 */
/* All process state: what is made at start, in each child and for each thread. */
#ifndef DTH_LIFECYCLE_H
#define DTH_LIFECYCLE_H

#include "httpd/providers.h"

#include <util_filter.h>

/** Remember a site that check_config made, for the phases that follow. */
void dth_lifecycle_add(apr_pool_t *pconf, dth_site_t *site);

/** The hooks. pre_config forgets the sites of the configuration before. */
int dth_lifecycle_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);

/** Secrets by command, state directory, keys, providers; not in httpd's first, checking pass. */
int dth_lifecycle_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                              server_rec *s);

/** Start the providers, before there are threads. A child without them ends itself. */
void dth_lifecycle_child_init(apr_pool_t *pchild, server_rec *s);

/** All sites with what they share; NULL when there are none. */
const dth_providers_t *dth_lifecycle_sites(void);

/** A number that differs between sign-ins that begin at the same time, in whatever child. */
apr_uint32_t dth_lifecycle_turn(void);

/** The output filter of caching.h, as httpd registered it. */
ap_filter_rec_t *dth_lifecycle_caching_filter(void);

/** This thread's cipher contexts, made at first use; NULL when there is no memory for them. */
dt_scratch_t *dth_lifecycle_scratch(void);

#endif
