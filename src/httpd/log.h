/* SPDX-License-Identifier: Apache-2.0 */
/* The module's identity inside httpd, and its log numbers. */
#ifndef DTH_LOG_H
#define DTH_LOG_H

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

extern module AP_MODULE_DECLARE_DATA auth_dingtalk_module;

APLOG_USE_MODULE(auth_dingtalk);

/**
 * The number of a log line, in front of its text. Each number stands at one place only (a guard
 * sees to it) and is never used for something else later, so that people can search for it.
 */
#define DTNO(number) "DT" #number ": "

#endif
