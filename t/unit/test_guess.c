/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/challenge, guessing: one code, one person, few tries, one success. */
#include "challenge_world.h"

/* A code on its way to PHONE. */
static const char *asked(world_t *w)
{
    ask(w, PHONE);
    assert_why(w->result, DT_WHY_CODE_SENT);
    assert_non_null(w->message.code);
    return w->message.code;
}

/* Some code of the same length that is not code. */
static char *another(const world_t *w, const char *code)
{
    char *other = apr_pstrdup(w->call.pool, code);

    other[0] = code[0] == '0' ? '1' : '0';
    return other;
}

static void the_code_that_was_sent_is_right(void **state)
{
    world_t *w = *state;

    guess(w, asked(w));
    assert_why(w->result, DT_WHY_SIGNED_IN);
    assert_string_equal(w->uid, "zhang");
    assert_int_equal(w->tries_left, 4);
}

static void a_code_is_right_once(void **state)
{
    world_t *w = *state;
    const char *code = asked(w);

    guess(w, code);
    guess(w, code);
    assert_why(w->result, DT_WHY_CODE_EXPIRED);
    assert_int_equal(w->tries_left, -1);
}

/* Another node uses the code while we compare it. */
static void use_first(fake_memory_t *memory, const char *function)
{
    if (strcmp(function, "use_challenge") == 0) {
        memory->challenges[0].used = true;
    }
}

static void of_two_right_guesses_at_once_one_is_right(void **state)
{
    world_t *w = *state;
    const char *code = asked(w);

    w->memory->before = use_first;
    guess(w, code);
    assert_why(w->result, DT_WHY_CODE_EXPIRED);
    assert_int_equal(w->tries_left, -1);
}

static void a_wrong_guess_counts_and_is_audited(void **state)
{
    world_t *w = *state;
    const char *code = asked(w);

    guess(w, another(w, code));
    assert_why(w->result, DT_WHY_CODE_WRONG);
    assert_int_equal(w->tries_left, 4);
    assert_audit(w, "code_failed", "zhang", NULL, "code_wrong");
    guess(w, code);
    assert_why(w->result, DT_WHY_SIGNED_IN);
    assert_int_equal(w->tries_left, 3);
}

/* S-27 */
static void of_a_hundred_guesses_five_are_judged(void **state)
{
    world_t *w = *state;
    const char *code = asked(w);

    for (int i = 0; i < 100; i++) {
        guess(w, another(w, code));
        assert_why(w->result, i < 5 ? DT_WHY_CODE_WRONG : DT_WHY_CODE_EXPIRED);
        assert_int_equal(w->tries_left, i < 5 ? 4 - i : -1);
    }
    guess(w, code);
    assert_why(w->result, DT_WHY_CODE_EXPIRED);
}

static void a_code_ends_with_its_lifetime(void **state)
{
    world_t *w = *state;
    const char *code = asked(w);

    w->call.now = w->asked.expires_at;
    guess(w, code);
    assert_why(w->result, DT_WHY_CODE_EXPIRED);
    w->call.now = w->asked.expires_at - 1;
    guess(w, code);
    assert_why(w->result, DT_WHY_SIGNED_IN);
}

static void a_challenge_of_somebody_else_is_none(void **state)
{
    world_t *w = *state;
    const char *code = asked(w);

    w->person.union_id = "Union";
    guess(w, code);
    assert_why(w->result, DT_WHY_CODE_EXPIRED);
    assert_int_equal(w->tries_left, -1);
    w->person.union_id = "union";
    w->bind.corp_id = "dingCorp";
    guess(w, code);
    assert_why(w->result, DT_WHY_CODE_EXPIRED);
    w->bind.corp_id = "dingcorp";
    guess(w, code);
    assert_why(w->result, DT_WHY_SIGNED_IN);
}

static void a_challenge_that_never_was_has_no_code(void **state)
{
    static const char *const ids[] = {"00000000000000000000000000000000", "", "x' OR '1'='1"};
    world_t *w = *state;

    for (apr_size_t i = 0; i < ROWS(ids); i++) {
        w->asked.id = ids[i];
        guess(w, "000000");
        assert_row_why(ids[i], w->result, DT_WHY_CODE_EXPIRED);
        assert_int_equal(w->tries_left, -1);
    }
    w->asked.id = NULL;
    w->memory->trouble = APR_EGENERAL; /* which nobody needs to ask */
    guess(w, "000000");
    assert_why(w->result, DT_WHY_CODE_EXPIRED);
}

static void the_code_of_another_challenge_is_wrong(void **state)
{
    world_t *w = *state;
    const char *first;
    const char *second;

    w->rules.resend = 0;
    first = asked(w);
    do {
        second = asked(w);
    } while (strcmp(first, second) == 0);
    guess(w, first);
    assert_why(w->result, DT_WHY_CODE_WRONG);
    guess(w, second);
    assert_why(w->result, DT_WHY_SIGNED_IN);

    asked(w);
    w->memory->challenges[2].row.hash = w->memory->challenges[0].row.hash;
    guess(w, first); /* a hash is good where it was made */
    assert_why(w->result, DT_WHY_CODE_WRONG);
}

/* Not even if its hash were known. */
static void no_code_solves_a_challenge_of_nobody(void **state)
{
    world_t *w = *state;
    const char *code = asked(w);

    w->memory->challenges[0].row.uid = NULL;
    guess(w, code);
    assert_why(w->result, DT_WHY_CODE_WRONG);
    assert_int_equal(w->tries_left, 4);
    assert_audit(w, "code_failed", NULL, NULL, "code_wrong");
}

static void what_is_kept_does_not_tell_the_code(void **state)
{
    world_t *w = *state;
    const char *code;
    const char *hash;

    w->rules.resend = 0;
    code = asked(w);
    hash = w->memory->challenges[0].row.hash;
    assert_null(strstr(hash, code));
    for (int i = 1; i < 20; i++) {
        ask(w, i % 2 ? PHONE : NOBODYS);
        assert_string_not_equal(w->memory->challenges[i].row.hash, hash);
    }
}

static void a_code_is_understood_as_people_type_it(void **state)
{
    world_t *w = *state;
    apr_pool_t *pool = w->call.pool;
    const char *code;
    const char *wide = "";

    w->rules.resend = 0;
    code = asked(w);
    guess(w, apr_psprintf(pool, " %.3s %s ", code, code + 3));
    assert_why(w->result, DT_WHY_SIGNED_IN);
    for (code = asked(w); *code; code++) {
        wide = apr_psprintf(pool, "%s\xef\xbc%c", wide, 0x90 + *code - '0');
    }
    guess(w, wide);
    assert_why(w->result, DT_WHY_SIGNED_IN);
}

static void what_is_no_code_is_wrong_and_counts(void **state)
{
    world_t *w = *state;
    const char *code = asked(w);
    const char *const guesses[] = {
        "",
        NULL,
        "abcdef",
        apr_pstrmemdup(w->call.pool, code, 5),
        apr_pstrcat(w->call.pool, code, "0", NULL),
        apr_pstrcat(w->call.pool, "+", code, NULL),
        apr_pstrcat(w->call.pool, code, "\n", NULL),
        apr_pstrcat(w->call.pool, "0", code, NULL),
    };

    w->rules.attempts = ROWS(guesses) + 1;
    for (apr_size_t i = 0; i < ROWS(guesses); i++) {
        guess(w, guesses[i]);
        assert_row_why(guesses[i], w->result, DT_WHY_CODE_WRONG);
        assert_int_equal(w->tries_left, ROWS(guesses) - i);
    }
    guess(w, code);
    assert_why(w->result, DT_WHY_SIGNED_IN);
}

static void keys_may_roll_while_a_code_is_on_its_way(void **state)
{
    const dt_slice_t both[] = {NEW_KEY, KEY};
    const dt_slice_t older[] = {KEY, NEW_KEY};
    world_t *w = *state;
    const char *code = asked(w);

    w->codes.keys = keys_of(w->call.pool, 1, both);
    guess(w, code);
    assert_why(w->result, DT_WHY_CODE_WRONG);
    w->codes.keys = keys_of(w->call.pool, 2, both);
    guess(w, another(w, code));
    assert_why(w->result, DT_WHY_CODE_WRONG);
    guess(w, code);
    assert_why(w->result, DT_WHY_SIGNED_IN);

    w->memory->challenges[0].used = false;
    w->codes.keys = keys_of(w->call.pool, 2, older);
    guess(w, code);
    assert_why(w->result, DT_WHY_SIGNED_IN);
}

/* S-35 */
static void nothing_is_right_when_the_memory_does_not_answer(void **state)
{
    static const char *const functions[] = {"try_challenge", "use_challenge", NULL};
    world_t *w = *state;
    const char *code = asked(w);

    w->memory->trouble = APR_TIMEUP;
    for (apr_size_t i = 0; i < ROWS(functions); i++) {
        w->memory->trouble_in = functions[i];
        guess(w, code);
        assert_row_why(functions[i], w->result, DT_WHY_UNAVAILABLE);
        assert_non_null(w->result.detail);
    }
    w->memory->trouble_in = "audit";
    guess(w, another(w, code));
    assert_why(w->result, DT_WHY_UNAVAILABLE);
    assert_int_equal(w->rv, APR_TIMEUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(the_code_that_was_sent_is_right),
        WORLD_TEST(a_code_is_right_once),
        WORLD_TEST(of_two_right_guesses_at_once_one_is_right),
        WORLD_TEST(a_wrong_guess_counts_and_is_audited),
        WORLD_TEST(of_a_hundred_guesses_five_are_judged),
        WORLD_TEST(a_code_ends_with_its_lifetime),
        WORLD_TEST(a_challenge_of_somebody_else_is_none),
        WORLD_TEST(a_challenge_that_never_was_has_no_code),
        WORLD_TEST(the_code_of_another_challenge_is_wrong),
        WORLD_TEST(no_code_solves_a_challenge_of_nobody),
        WORLD_TEST(what_is_kept_does_not_tell_the_code),
        WORLD_TEST(a_code_is_understood_as_people_type_it),
        WORLD_TEST(what_is_no_code_is_wrong_and_counts),
        WORLD_TEST(keys_may_roll_while_a_code_is_on_its_way),
        WORLD_TEST(nothing_is_right_when_the_memory_does_not_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
