/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that breaks as soon as it is made, of which apr_dbd keeps nothing but pointers. */
#include "database.h"

#include <dlfcn.h>

static bool breaks; /* every connection does */
static char gone[64];

/* The linker finds this before the library's own, and it does what that does with MariaDB: it has
 * opened a connection, asks whether it is alive, and closes it with the text that says why not. */
int apr_dbd_open_ex(const apr_dbd_driver_t *driver, apr_pool_t *pool, const char *params,
                    apr_dbd_t **handle, const char **error)
{
    static int (*real)(const apr_dbd_driver_t *driver, apr_pool_t *pool, const char *params,
                       apr_dbd_t **handle, const char **error);

    if (!real) {
        real = (__typeof__(real))dlsym(RTLD_NEXT, "apr_dbd_open_ex");
    }
    if (!breaks) {
        return real(driver, pool, params, handle, error);
    }
    memset(gone, 'x', sizeof(gone)); /* somebody else's by now, and without an end */
    *handle = (apr_dbd_t *)gone;
    *error = gone;
    return APR_EGENERAL;
}

/* A handle whose first connection broke so; what was said about it. */
static const char *break_once(world_t *world)
{
    const char *trouble = NULL;

    world_disconnect(world);
    breaks = true;
    world_connect(world);
    assert_int_not_equal(dt_db_ready(world->db, &world->call, &trouble), APR_SUCCESS);
    breaks = false;
    return trouble;
}

static void a_connection_that_breaks_at_once_is_told_without_its_memory(void **state)
{
    assert_string_equal(break_once(*state), "the connection was lost as soon as it was made");
}

static void after_that_another_one_works(void **state)
{
    world_t *world = *state;

    break_once(world);
    apr_sleep(apr_time_from_msec(1100)); /* it is left alone for a moment */
    assert_string_equal(value_of(world, "SELECT COUNT(*) FROM dingtalk_binding"), "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_connection_that_breaks_at_once_is_told_without_its_memory),
        WITH_WORLD(after_that_another_one_works),
    };

    return cmocka_run_group_tests(tests, databases_set_up, NULL);
}
