/* SPDX-License-Identifier: Apache-2.0 */
/* How the application learns who it is: variables and headers, and nobody else's. */
#ifndef DTH_EXPORT_H
#define DTH_EXPORT_H

#include "httpd/request.h"

/**
 * Remove every header that an application could take for one of ours, dt_header_is_ours(), and its
 * name from Connection.
 */
void dth_export_scrub(request_rec *r);

/**
 * How an attribute is exported: "job_number" is DINGTALK_JOB_NUMBER and X-DingTalk-Job-Number.
 * Start-up only: a request finds the names in its site.
 */
dth_export_name_t dth_export_name(apr_pool_t *p, const char *attribute);

/**
 * What DingTalkExport of this directory asks for, when we signed the user in; and nothing that an
 * earlier stage of the request was given. So early that "Require expr" can see it.
 */
void dth_export(request_rec *r, dth_req_t *req);

/** The fixups hook: the same for a stage of a request whose authentication httpd took as done. */
int dth_export_fixups(request_rec *r);

#endif
