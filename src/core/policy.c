/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions who may come in; ids are compared bytewise, for they are case-sensitive. */
#include "core/policy.h"

#include <string.h>

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

dt_result_t dt_policy_corp(const dt_app_t *app, const char *corp_id)
{
    if (corp_id && !same(corp_id, app->corp_id)) {
        return dt_result(DT_WHY_OTHER_CORP, NULL);
    }
    return dt_result(DT_WHY_SIGNED_IN, NULL);
}

dt_result_t dt_policy_contact(int contact_type)
{
    return dt_result(contact_type == 0 ? DT_WHY_SIGNED_IN : DT_WHY_EXTERNAL, NULL);
}

dt_result_t dt_policy_member(const dt_member_t *member, const char *user_id, const char *union_id)
{
    if (!same(member->user_id, user_id)) {
        return dt_result(DT_WHY_MISMATCH, "the record has another userid");
    }
    if (member->union_id && !same(member->union_id, union_id)) {
        return dt_result(DT_WHY_MISMATCH, "the record has another unionid");
    }
    if (!member->active) {
        return dt_result(DT_WHY_NOT_ACTIVE, NULL);
    }
    if (member->disabled) {
        return dt_result(DT_WHY_DISABLED, NULL);
    }
    return dt_result(DT_WHY_SIGNED_IN, NULL);
}

bool dt_policy_is_user_name(const char *name)
{
    if (!name || !*name) {
        return false;
    }
    for (; *name; name++) {
        const unsigned char c = (unsigned char)*name;

        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return true;
}
