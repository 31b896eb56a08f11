/* SPDX-License-Identifier: Apache-2.0 */
/* How the application learns who it is: variables and headers, and nobody else's. */
#ifndef DTH_EXPORT_H
#define DTH_EXPORT_H

#include "httpd/request.h"

/**
 * Remove every header that an application could take for one of ours: X-DingTalk-… and
 * X-Remote-User in any case and with any character in place of a dash, since CGI and its like
 * make "_" of all of them.
 */
void dth_export_scrub(request_rec *r);

/** The fixups hook: what DingTalkExport of this directory asks for, when we signed the user in. */
int dth_export_fixups(request_rec *r);

#endif
