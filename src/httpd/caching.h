/* SPDX-License-Identifier: Apache-2.0 */
/* Caches on the way: what a member was shown is for nobody else. */
#ifndef DTH_CACHING_H
#define DTH_CACHING_H

#include "httpd/log.h"

#include <util_filter.h>

#define DTH_CACHING_FILTER "DINGTALK_CACHING"

/**
 * The output filter: an answer of a protected resource that says nothing about caching becomes
 * "Cache-Control: private, no-cache". A shared cache, mod_cache's quick handler among them, would
 * else hand it to strangers without asking us, and a browser to whoever signs in next. What the
 * application, mod_expires or mod_headers says is left alone, unless the answer carries a cookie of
 * ours: then it is for nobody else, whatever they say, and "no-store" alone stays.
 */
apr_status_t dth_caching_filter(ap_filter_t *f, apr_bucket_brigade *bb);

/** The insert_filter hook: for what DingTalk protects, however the visitor came in, and for every
 * answer that carries a cookie of ours. */
void dth_caching_insert(request_rec *r);

/** The insert_error_filter hook, for errors and 304: those that carry a cookie of ours. */
void dth_caching_insert_error(request_rec *r);

/** The answer to r, which has a site, carries a cookie of ours from now on. r may be a sub-request:
 * the answer is that of the request it is a part of. */
void dth_caching_note_cookie(request_rec *r);

#endif
