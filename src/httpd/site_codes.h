/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a site that sends verification codes: its sections judged, and made of them. */
#ifndef DTH_SITE_CODES_H
#define DTH_SITE_CODES_H

#include "httpd/site.h"

/**
 * Judge the sections, DingTalkCodeVia and the rules of codes. Called by check_config.
 * @return NULL, or what is wrong
 */
const char *dth_site_codes_check(apr_pool_t *p, apr_pool_t *ptemp, dth_site_t *site);

/**
 * Make the senders, with their secrets, of a site whose gateways and keys are there. Called by
 * post_config.
 * @param max_threads messages on their way at the same time, per child
 * @param courier     the sender in front of all; NULL when no codes are sent
 * @return NULL, or what is wrong
 */
const char *dth_site_codes_make(apr_pool_t *pconf, dth_site_t *site, int max_threads,
                                const dt_sender_t **courier);

#endif
