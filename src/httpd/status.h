/* SPDX-License-Identifier: Apache-2.0 */
/* The module's section of mod_status' page. */
#ifndef DTH_STATUS_H
#define DTH_STATUS_H

#include <httpd.h>

/**
 * Hang the section onto mod_status, where that is loaded. Called while hooks are registered.
 *
 * It is of the whole httpd: all children, all servers. It names nobody. For programs ("?auto") each
 * figure is a line. Times are seconds; counts but for Revocations only grow while httpd runs.
 *
 *     DingTalkSignIns-REASON: how many sign-ins ended so; signed_in always, others that happened
 *     DingTalkCodes-sent:, -failed: verification codes
 *     DingTalkSessions: opened
 *     DingTalkStoreFailures: requests that the session store could not answer
 *     DingTalkRevocations: in force
 *     DingTalkPollAge-N: since revocations were last read from the database with this number
 *     DingTalkPollOverdue-N: 1 when that is ten times DingTalkRevocationPoll or more, else 0
 *     DingTalkRechecks: member records read again
 *     DingTalkRecheckedOut: of these, who may not come in any more
 *     DingTalkEvents-TYPE: each event once; types that happened
 *     DingTalkEventsAgain: events that had been here before, or were too old
 *     DingTalkEventsRefused: forged or malformed ones
 *     DingTalkCalls-CALL-answered:, -failed:, -mean:, -longest: calls to DingTalk and their times
 */
void dth_status_register(apr_pool_t *p);

#endif
