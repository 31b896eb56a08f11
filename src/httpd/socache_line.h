/* SPDX-License-Identifier: Apache-2.0 */
/* The line to a cache on the network, on which other threads wait for its answers. */
#ifndef DTH_SOCACHE_LINE_H
#define DTH_SOCACHE_LINE_H

#include "httpd/socache.h"

/**
 * APR's client of memcached waits for an answer without an end, that of Redis for RedisTimeout,
 * 5 s. Both find out by failures which of their connections the server has closed meanwhile, and
 * take no server at all for no value. So threads of the line ask the questions, and who wants an
 * answer waits for DTH_SOCACHE_LINE_PATIENCE at most. After a failure nobody asks for
 * DTH_SOCACHE_LINE_REST; then one does, with connections of its own, and so on until there is an
 * answer.
 */
#define DTH_SOCACHE_LINE_PATIENCE apr_time_from_msec(800)
#define DTH_SOCACHE_LINE_REST apr_time_from_sec(1)

/** A line to cache, in a child before it has threads. It lasts as long as the child. */
apr_status_t dth_socache_line_create(const dth_socache_t *cache, dth_socache_line_t **made);

/**
 * Ask. Any thread.
 * @return as dth_socache_ask; APR_TIMEUP when no answer came in time
 */
apr_status_t dth_socache_line_ask(dth_socache_line_t *line, dth_question_t *question);

#endif
