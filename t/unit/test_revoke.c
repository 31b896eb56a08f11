/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/revoke: exactly the sessions that are revoked are dead. */
#include "revoke_world.h"

#define MS apr_time_from_msec(1)
#define HOUR apr_time_from_sec(3600)
#define MANY 100000
#define GROUP 7             /* subjects that the table tells apart in one group */
#define FIRST_GROUP 0x1ffff /* bits of a subject that are 0 in the first group */

static dt_session_t begun(apr_time_t began)
{
    return (dt_session_t){.id = "8letters",
                          .began = began,
                          .seen = began,
                          .user = DT_SLICE("zhangsan"),
                          .user_id = DT_SLICE("AbCdEfGhIjKlMnOpQr"),
                          .union_id = DT_SLICE("uNiOn")};
}

static bool is_dead(const world_t *world, const dt_session_t *session)
{
    return dt_revoke_is_dead(world->table, world->corp, session, session->user);
}

static dt_revoke_added_t put(world_t *world, dt_subject_t subject)
{
    return dt_revoke_add(world->table, subject, NOW, NOW);
}

static dt_subject_t person(const world_t *world, const char *user_id)
{
    return dt_subject_person(world->table, world->corp, dt_slice(user_id));
}

/* Number n of people who differ in their last bytes only. */
static dt_subject_t person_number(const world_t *world, int n)
{
    char id[32];

    return dt_subject_person(world->table, world->corp, numbered(id, "AbCdEfGhIjKlMn", n));
}

static dt_session_t session_number(char id[32], int n, apr_time_t began)
{
    dt_session_t session = begun(began);

    session.user_id = numbered(id, "AbCdEfGhIjKlMn", n);
    return session;
}

/* --- who dies --- */

static void nobody_is_revoked_at_first(void **state)
{
    const dt_session_t now = begun(NOW), oldest = begun(NOW - LONGEST + MS);

    assert_false(is_dead(*state, &now));
    assert_false(is_dead(*state, &oldest));
    assert_int_equal(dt_revoke_count(((world_t *)*state)->table, NOW), 0);
}

static void a_session_dies_by_its_own_id(void **state)
{
    dt_session_t mine = begun(NOW), other = begun(NOW);
    world_t *world = *state;

    other.id[0] ^= 1;
    assert_int_equal(put(world, dt_subject_session(world->table, mine.id)), DT_REVOKE_NEW);
    assert_true(is_dead(world, &mine));
    assert_false(is_dead(world, &other));
}

static void a_session_dies_with_its_person(void **state)
{
    dt_session_t mine = begun(NOW), other = begun(NOW);
    world_t *world = *state;

    other.user_id = DT_SLICE("AbCdEfGhIjKlMnOpQR");
    put(world, person(world, "AbCdEfGhIjKlMnOpQr"));
    assert_true(is_dead(world, &mine));
    assert_false(is_dead(world, &other));
}

static void a_session_dies_with_its_account(void **state)
{
    dt_session_t mine = begun(NOW), other = begun(NOW);
    world_t *world = *state;

    other.user = DT_SLICE("Zhangsan");
    put(world, dt_subject_account(world->table, world->corp, DT_SLICE("zhangsan")));
    assert_true(is_dead(world, &mine));
    assert_false(is_dead(world, &other));
    assert_false(dt_revoke_is_dead(world->table, world->corp, &mine, dt_slice(NULL)));
}

static void a_session_dies_with_its_corp(void **state)
{
    dt_session_t mine = begun(NOW);
    world_t *world = *state;

    put(world, world->corp);
    assert_true(is_dead(world, &mine));
    world->corp = dt_subject_corp(world->table, DT_SLICE("dingcorp0002"));
    assert_false(is_dead(world, &mine));
}

static void people_and_accounts_of_another_corp_live_on(void **state)
{
    dt_session_t mine = begun(NOW);
    world_t *world = *state;
    const dt_subject_t other = dt_subject_corp(world->table, DT_SLICE("dingcorp0002"));

    put(world, dt_subject_person(world->table, other, mine.user_id));
    put(world, dt_subject_account(world->table, other, mine.user));
    assert_false(is_dead(world, &mine));
}

static void a_person_is_not_an_account_of_that_name(void **state)
{
    dt_session_t mine = begun(NOW);
    world_t *world = *state;

    put(world, person(world, "zhangsan"));
    assert_false(is_dead(world, &mine));
}

static void a_changed_record_ends_no_session(void **state)
{
    const dt_session_t mine = begun(NOW);
    world_t *world = *state;
    const dt_subject_t changed = dt_subject_changed(world->table, world->corp, mine.user_id);

    assert_false(dt_revoke_covers(world->table, changed, NOW));
    put(world, changed);
    assert_false(is_dead(world, &mine));
    assert_true(dt_revoke_covers(world->table, changed, NOW));
    assert_false(dt_revoke_covers(world->table, changed, NOW + MS));
}

static void ids_of_every_length_are_told_apart(void **state)
{
    static const char letters[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    dt_session_t session = begun(NOW);
    world_t *world = *state;

    for (size_t len = 1; len < sizeof(letters); len += 2) {
        put(world, dt_subject_person(world->table, world->corp, (dt_slice_t){letters, len}));
    }
    for (size_t len = 1; len < sizeof(letters); len++) {
        session.user_id = (dt_slice_t){letters, len};
        assert_int_equal(is_dead(world, &session), len % 2);
    }
    session.user_id = (dt_slice_t){NULL, 0};
    assert_false(is_dead(world, &session));
}

static void every_byte_of_an_id_counts(void **state)
{
    char id[] = "0123456789abcdefghijklm";
    dt_session_t session = begun(NOW);
    world_t *world = *state;

    put(world, person(world, id));
    session.user_id = dt_slice(id);
    for (size_t i = 0; id[i]; i++) {
        id[i] ^= 1;
        assert_false(is_dead(world, &session));
        id[i] ^= 1;
        assert_true(is_dead(world, &session));
    }
}

/* --- since when --- */

static void a_session_dies_that_began_in_the_same_millisecond(void **state)
{
    const dt_session_t same = begun(NOW + MS - 1), next = begun(NOW + MS);
    world_t *world = *state;

    put(world, person(world, "AbCdEfGhIjKlMnOpQr"));
    assert_true(is_dead(world, &same));
    assert_false(is_dead(world, &next));
}

static void who_signs_in_again_is_alive(void **state)
{
    dt_session_t again = begun(NOW + apr_time_from_sec(1));
    world_t *world = *state;

    put(world, person(world, "AbCdEfGhIjKlMnOpQr"));
    dt_revoke_add(world->table, person(world, "another"), NOW + HOUR, NOW + HOUR);
    assert_false(is_dead(world, &again)); /* although it is not the newest revocation */
}

static void nothing_is_ever_taken_back(void **state)
{
    const dt_session_t session = begun(NOW);
    const dt_subject_t subject = person(*state, "AbCdEfGhIjKlMnOpQr");
    world_t *world = *state;

    assert_int_equal(put(world, subject), DT_REVOKE_NEW);
    assert_int_equal(put(world, subject), DT_REVOKE_KNOWN);
    assert_int_equal(dt_revoke_add(world->table, subject, NOW - HOUR, NOW), DT_REVOKE_KNOWN);
    assert_true(is_dead(world, &session));
    assert_int_equal(dt_revoke_add(world->table, subject, NOW + HOUR, NOW + HOUR), DT_REVOKE_NEW);
    assert_true(is_dead(world, &session));
    assert_int_equal(dt_revoke_count(world->table, NOW + HOUR), 1);
}

static void a_revocation_from_a_clock_ahead_kills_what_is_alive_and_no_more(void **state)
{
    const dt_session_t ahead = begun(NOW + DT_SESSION_AHEAD);
    const dt_session_t later = begun(NOW + DT_SESSION_AHEAD + MS);
    world_t *world = *state;

    dt_revoke_add(world->table, person(world, "AbCdEfGhIjKlMnOpQr"), APR_INT64_MAX, NOW);
    assert_true(is_dead(world, &ahead));
    assert_false(is_dead(world, &later));
}

static void a_clock_that_is_set_back_ends_nobody(void **state)
{
    const apr_time_t earlier = NOW - 100 * HOUR;
    const dt_session_t mine = begun(earlier);
    dt_session_t other = begun(earlier);
    world_t *world = *state;

    other.user_id = DT_SLICE("another");
    dt_revoke_add(world->table, person(world, "AbCdEfGhIjKlMnOpQr"), earlier, earlier);
    assert_true(is_dead(world, &mine));
    assert_false(is_dead(world, &other));
}

static void what_no_session_is_old_enough_for_is_not_kept(void **state)
{
    world_t *world = *state;
    const dt_subject_t subject = person(world, "AbCdEfGhIjKlMnOpQr");

    assert_int_equal(dt_revoke_add(world->table, subject, NOW - LONGEST - MS, NOW),
                     DT_REVOKE_KNOWN);
    assert_int_equal(dt_revoke_add(world->table, subject, 0, NOW), DT_REVOKE_KNOWN);
    assert_int_equal(dt_revoke_add(world->table, subject, APR_INT64_MIN / 2, NOW), DT_REVOKE_KNOWN);
    assert_int_equal(dt_revoke_count(world->table, NOW), 0);
    assert_int_equal(dt_revoke_add(world->table, subject, NOW - LONGEST + MS, NOW), DT_REVOKE_NEW);
    assert_int_equal(dt_revoke_count(world->table, NOW), 1);
}

static void the_end_of_32_bit_times_is_a_moment_like_any_other(void **state)
{
    const apr_time_t end = apr_time_from_sec(APR_INT64_C(0x7fffffff));
    dt_session_t before = begun(end - HOUR), after = begun(end + 2 * HOUR);
    world_t *world = *state;

    dt_revoke_add(world->table, person(world, "AbCdEfGhIjKlMnOpQr"), end + HOUR, end + HOUR);
    assert_true(is_dead(world, &before));
    assert_false(is_dead(world, &after));
    before.user_id = DT_SLICE("another");
    assert_false(is_dead(world, &before));
}

static void a_longer_life_keeps_revocations_for_longer(void **state)
{
    world_t *world = *state;

    put(world, person(world, "AbCdEfGhIjKlMnOpQr"));
    assert_int_equal(dt_revoke_count(world->table, NOW + 2 * LONGEST), 0);
    dt_revoke_stretch(world->table, 3 * LONGEST);
    assert_int_equal(dt_revoke_count(world->table, NOW + 2 * LONGEST), 1);
    dt_revoke_stretch(world->table, LONGEST);
    assert_int_equal(dt_revoke_count(world->table, NOW + 2 * LONGEST), 1);
}

static void the_longest_life_there_can_be_is_a_life(void **state)
{
    const dt_session_t session = begun(NOW);
    world_t *world = *state;

    dt_revoke_stretch(world->table, APR_INT64_MAX);
    put(world, person(world, "AbCdEfGhIjKlMnOpQr"));
    assert_true(is_dead(world, &session));
}

/* --- many --- */

static void a_hundred_thousand_are_told_apart(void **state)
{
    world_t *world = *state;
    char id[32];
    int coarser = 0, wrong = 0;

    for (int i = 0; i < MANY; i++) {
        const apr_time_t at = NOW + i * MS;

        coarser += dt_revoke_add(world->table, person_number(world, i), at, at) ==
                   DT_REVOKE_COARSER;
    }
    assert_true(coarser < MANY / 1000);
    assert_true(dt_revoke_count(world->table, NOW + HOUR) > MANY - MANY / 1000);
    for (int i = 0; i < MANY; i++) {
        const dt_session_t revoked = session_number(id, i, NOW + i * MS);

        assert_true(is_dead(world, &revoked));
    }
    for (int i = MANY; i < 2 * MANY; i++) {
        const dt_session_t other = session_number(id, i, NOW);

        wrong += is_dead(world, &other);
    }
    assert_true(wrong < MANY / 1000);
}

static void a_full_table_grows_coarser_and_forgets_nobody(void **state)
{
    const int flood = 10 * MANY;
    world_t *world = *state;
    char id[32];
    int coarser = 0;

    for (int i = 0; i < flood; i++) {
        coarser += put(world, person_number(world, i)) == DT_REVOKE_COARSER;
    }
    assert_true(coarser > MANY);
    for (int i = 0; i < flood; i++) {
        const dt_session_t revoked = session_number(id, i, NOW);

        assert_true(is_dead(world, &revoked));
    }
}

/* The next person, after number *n, who falls into the first group: its bits of the hash are 0. */
static dt_subject_t next_of_the_first_group(const world_t *world, int *n)
{
    dt_subject_t subject;

    do {
        subject = person_number(world, ++*n);
    } while ((subject & FIRST_GROUP) != 0);
    return subject;
}

static void the_oldest_of_a_group_gives_way(void **state)
{
    const apr_time_t now = NOW + apr_time_from_sec(1);
    world_t *world = *state;
    dt_session_t session;
    char id[32];
    int n = 0;

    for (int i = 1; i <= GROUP + 1; i++) {
        const dt_subject_t subject = next_of_the_first_group(world, &n);

        assert_int_equal(dt_revoke_add(world->table, subject, NOW + i * MS, now),
                         i <= GROUP ? DT_REVOKE_NEW : DT_REVOKE_COARSER);
    }
    next_of_the_first_group(world, &n);
    session = session_number(id, n, NOW + MS);
    assert_true(is_dead(world, &session)); /* as old as what gave way */
    session.began = NOW + 2 * MS;
    assert_false(is_dead(world, &session));
}

static void what_nobody_needs_any_more_makes_room(void **state)
{
    const apr_time_t later = NOW + LONGEST + HOUR;
    world_t *world = *state;
    char id[32];
    int wrong = 0;

    for (int i = 0; i < 10 * MANY; i++) {
        put(world, person_number(world, i));
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(dt_revoke_add(world->table, person_number(world, i), later, later),
                         DT_REVOKE_NEW);
    }
    assert_int_equal(dt_revoke_count(world->table, later), 1000);
    for (int i = 1000; i < 2000; i++) {
        const dt_session_t other = session_number(id, i, NOW + HOUR + 2 * MS);

        wrong += is_dead(world, &other);
    }
    assert_int_equal(wrong, 0);
}

static void two_tables_put_subjects_into_different_groups(void **state)
{
    world_t *world = *state;
    void *memory = calloc(1, dt_revoke_size());
    dt_revoke_t *other;
    int same = 0;

    assert_non_null(memory);
    assert_int_equal(dt_revoke_create(memory, LONGEST, NOW, &other), APR_SUCCESS);
    for (int i = 0; i < 1000; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "%d", i);
        same += (dt_subject_corp(other, dt_slice(id)) & FIRST_GROUP) ==
                (dt_subject_corp(world->table, dt_slice(id)) & FIRST_GROUP);
    }
    free(memory);
    assert_true(same < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(nobody_is_revoked_at_first),
        WITH_WORLD(a_session_dies_by_its_own_id),
        WITH_WORLD(a_session_dies_with_its_person),
        WITH_WORLD(a_session_dies_with_its_account),
        WITH_WORLD(a_session_dies_with_its_corp),
        WITH_WORLD(people_and_accounts_of_another_corp_live_on),
        WITH_WORLD(a_person_is_not_an_account_of_that_name),
        WITH_WORLD(a_changed_record_ends_no_session),
        WITH_WORLD(ids_of_every_length_are_told_apart),
        WITH_WORLD(every_byte_of_an_id_counts),
        WITH_WORLD(a_session_dies_that_began_in_the_same_millisecond),
        WITH_WORLD(who_signs_in_again_is_alive),
        WITH_WORLD(nothing_is_ever_taken_back),
        WITH_WORLD(a_revocation_from_a_clock_ahead_kills_what_is_alive_and_no_more),
        WITH_WORLD(a_clock_that_is_set_back_ends_nobody),
        WITH_WORLD(what_no_session_is_old_enough_for_is_not_kept),
        WITH_WORLD(the_end_of_32_bit_times_is_a_moment_like_any_other),
        WITH_WORLD(a_longer_life_keeps_revocations_for_longer),
        WITH_WORLD(the_longest_life_there_can_be_is_a_life),
        WITH_WORLD(a_hundred_thousand_are_told_apart),
        WITH_WORLD(a_full_table_grows_coarser_and_forgets_nobody),
        WITH_WORLD(the_oldest_of_a_group_gives_way),
        WITH_WORLD(what_nobody_needs_any_more_makes_room),
        WITH_WORLD(two_tables_put_subjects_into_different_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
