/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in: the decisions, one for each thing that DingTalk tells us. */
#ifndef DT_CORE_POLICY_H
#define DT_CORE_POLICY_H

#include "core/dt.h"
#include "core/wire.h"

/** The organisation chosen at sign-in; NULL when DingTalk did not say: then later checks decide. */
dt_result_t dt_policy_corp(const dt_app_t *app, const char *corp_id);

/** Only an employee (contact_type 0). */
dt_result_t dt_policy_contact(int contact_type);

/**
 * The member record must be that of the person asked for: same userid and, where it has one, the
 * same unionId, bytewise; active; not disabled.
 */
dt_result_t dt_policy_member(const dt_member_t *member, const char *user_id, const char *union_id);

/**
 * Whether name, which may be NULL, can be REMOTE_USER, which ends up in logs, headers and
 * environments: never empty, no controls.
 */
bool dt_policy_is_user_name(const char *name);

#endif
