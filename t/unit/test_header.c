/* SPDX-License-Identifier: Apache-2.0 */
/* Which request headers nobody but we may set. */
#include "core/header.h"

#include "unit.h"

typedef struct row_t {
    const char *name;
    bool ours;
} row_t;

static const row_t rows[] = {
    {"X-DingTalk-Userid", true},
    {"x-dingtalk-job-number", true},
    {"X_DINGTALK_USERID", true},
    {"X-DingTalk_Userid", true},
    {"X.DingTalk!Userid", true},
    {"X-DingTalk-", true}, /* whatever it is, it is not theirs */
    {"X-Remote-User", true},
    {"x_remote-USER", true},
    {"X-Remote-User-Agent", false},
    {"X-Remote-User-", false},
    {"X-Remote-Use", false},
    {"X-Remote-", false},
    {"XRemote-User", false},
    {"X0Remote-User", false},
    {"X-DingTalk", false},
    {"X-DingTalker-Userid", false},
    {"XX-DingTalk-Userid", false},
    {"X--DingTalk-Userid", false},
    {"DingTalk-Userid", false},
    {"X-Forwarded-User", false},
    {"Cookie", false},
    {"X", false},
    {"", false},
};

static void a_header_is_ours_when_an_application_could_think_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_row_int(rows[i].name, dt_header_is_ours(rows[i].name), rows[i].ours);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_ours_when_an_application_could_think_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
