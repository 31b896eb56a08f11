/* SPDX-License-Identifier: Apache-2.0 */
/* Members in SQL: their records as last read, in the order in which they are to be read again. */
#ifndef DT_PROVIDER_MEMBERS_DBD_H
#define DT_PROVIDER_MEMBERS_DBD_H

#include "provider/memory_dbd.h"

/** What dt_memory_t says of the functions of these names. */
apr_status_t dt_members_store(void *self, const dt_call_t *call, const char *corp_id,
                              const char *user_id, const char *dept_ids, const char *record,
                              apr_time_t taken);
apr_status_t dt_members_load(void *self, const dt_call_t *call, const char *corp_id,
                             const char *user_id, const char **record);
apr_status_t dt_members_forget_one(void *self, const dt_call_t *call, const char *corp_id,
                                   const char *user_id, apr_time_t not_before);
apr_status_t dt_members_want_one(void *self, const dt_call_t *call, const char *corp_id,
                                 const char *user_id, apr_time_t since);
apr_status_t dt_members_want(void *self, const dt_call_t *call, const char *corp_id,
                             const char *const *dept_ids);
apr_status_t dt_members_take(void *self, const dt_call_t *call, const char *corp_id,
                             apr_time_t until, const char **user_id);

/** Delete some that were last read before unread_since, of those that nobody wants to be read. */
apr_status_t dt_members_forget(void *self, const dt_call_t *call, apr_time_t unread_since);

#endif
