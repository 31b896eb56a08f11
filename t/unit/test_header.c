/* SPDX-License-Identifier: Apache-2.0 */
/* Which request headers nobody but we may set, or have left out on the way. */
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

typedef struct connection_t {
    const char *options;
    const char *left; /* NULL: nothing */
} connection_t;

static const connection_t connections[] = {
    {"", ""},
    {"close", "close"},
    {"keep-alive, Upgrade", "keep-alive, Upgrade"},
    {"x,  x-y;z", "x,  x-y;z"}, /* none is ours: as it came */
    {"X-Remote-User-Agent", "X-Remote-User-Agent"},
    {"X-Remote-User", NULL},
    {" ,; x_dingtalk_userid\t,", NULL},
    {"close, X-Remote-User", "close"},
    {"close;X-Remote-User", "close"},
    {"close X-Remote-User", "close"},
    {"a\tX-Remote-User\vb\fX-DingTalk-Corpid\rc\nd", "a,b,c,d"},
    {"(a, X-Remote-User, b)", "(a,b)"},
    {"\"a\" X-Remote-User", "\"a\""},
    {"\"a, X-Remote-User, b\"", "\"a,b\""},
    {"X-Remote-User,Upgrade,X-Remote-User,close", "Upgrade,close"},
};

static void a_connection_header_keeps_the_options_that_name_no_header_of_ours(void **state)
{
    apr_pool_t *pool = *state;

    for (size_t i = 0; i < ROWS(connections); i++) {
        assert_row_text(connections[i].options, dt_header_connection(pool, connections[i].options),
                        connections[i].left);
    }
}

static void a_connection_header_that_names_none_of_ours_is_not_copied(void **state)
{
    const char *options = "keep-alive, x-other";

    assert_ptr_equal(dt_header_connection(*state, options), options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_ours_when_an_application_could_think_so),
        WITH_POOL(a_connection_header_keeps_the_options_that_name_no_header_of_ours),
        WITH_POOL(a_connection_header_that_names_none_of_ours_is_not_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
