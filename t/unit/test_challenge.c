/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of core/challenge, asking: codes go to accounts' phones only, and nobody learns which. */
#include "challenge_world.h"

#define MASKED "+86138****8000"
#define MASKED_NOBODYS "+86139****9000"

static void a_code_goes_to_the_phone_of_the_account(void **state)
{
    world_t *w = *state;

    ask(w, PHONE);
    assert_why(w->result, DT_WHY_CODE_SENT);
    assert_string_equal(w->result.detail, "sms: HTTP 200");
    assert_int_equal(w->sends, 1);
    assert_string_equal(w->message.phone, "+86" PHONE);
    assert_string_equal(w->message.country, "86");
    assert_string_equal(w->message.national, PHONE);
    assert_string_equal(w->message.minutes, "5");
    assert_int_equal(strspn(w->message.code, "0123456789"), 6);
    assert_int_equal(strlen(w->message.code), 6);
    assert_int_equal(strspn(w->message.id, "0123456789abcdef"), strlen(w->message.id));
    assert_audit(w, "code_sent", "zhang", MASKED, NULL);
}

static void the_browser_learns_which_code_it_waits_for(void **state)
{
    world_t *w = *state;

    ask(w, "+86 138-0013-8000");
    assert_int_equal(strlen(w->asked.id), DT_CHALLENGE_ID);
    assert_string_equal(w->asked.masked, MASKED);
    assert_int_equal(w->asked.expires_at, NOW + 5 * MINUTE);
    assert_int_equal(w->asked.resend_at, NOW + MINUTE);
    assert_string_not_equal(w->asked.id, w->message.id); /* the gateway need not know it */
}

static void a_challenge_is_kept_before_its_code_is_sent(void **state)
{
    world_t *w = *state;
    const dt_challenge_t *row;

    ask(w, PHONE);
    assert_int_equal(w->challenges_before, 1);
    row = &w->memory->challenges[0].row;
    assert_string_equal(row->id, w->asked.id);
    assert_string_equal(row->corp_id, "dingcorp");
    assert_string_equal(row->union_id, "union");
    assert_string_equal(row->uid, "zhang");
    assert_int_equal(row->expires_at, NOW + 5 * MINUTE);
}

static void a_phone_of_nobody_looks_the_same_without_a_message(void **state)
{
    world_t *w = *state;

    ask(w, NOBODYS);
    assert_why(w->result, DT_WHY_CODE_SENT);
    assert_int_equal(strlen(w->asked.id), DT_CHALLENGE_ID);
    assert_string_equal(w->asked.masked, MASKED_NOBODYS);
    assert_int_equal(w->asked.expires_at, NOW + 5 * MINUTE);
    assert_int_equal(w->asked.resend_at, NOW + MINUTE);
    assert_int_equal(w->sends, 1); /* which takes the time */
    assert_null(w->message.phone);
    assert_int_equal(w->challenges_before, 1);
    assert_null(w->memory->challenges[0].row.uid);
    assert_audit(w, "code_failed", NULL, MASKED_NOBODYS, "no_account");
}

static void a_phone_of_nobody_costs_as_many_questions(void **state)
{
    world_t *w = *state;
    int questions;

    ask(w, NOBODYS);
    questions = w->memory->questions;
    w->person.union_id = "another";
    ask(w, PHONE);
    assert_int_equal(w->memory->questions, 2 * questions);
}

static void a_phone_of_several_is_one_of_nobody(void **state)
{
    world_t *w = *state;

    w->found = DT_FOUND_SEVERAL;
    ask(w, PHONE);
    assert_why(w->result, DT_WHY_CODE_SENT);
    assert_null(w->message.phone);
    assert_null(w->memory->challenges[0].row.uid);
    assert_audit(w, "code_failed", NULL, MASKED, "ambiguous");
}

static void an_account_with_another_phone_gets_no_message(void **state)
{
    static const char *const phones[] = {"13800138001", "+1 3800138000", "", "x", NULL};
    world_t *w = *state;

    w->rules.resend = 0;
    for (apr_size_t i = 0; i < ROWS(phones); i++) {
        w->stored_phone = phones[i];
        ask(w, PHONE);
        assert_row_why(phones[i], w->result, DT_WHY_CODE_SENT);
        assert_row_text(phones[i], w->message.phone, NULL);
        assert_audit(w, "code_failed", NULL, MASKED, "no_account");
    }
}

static void what_is_no_phone_counts_for_nothing(void **state)
{
    static const char *const phones[] = {"", "1380013800", "+86", "13800138000x", NULL};
    world_t *w = *state;

    for (apr_size_t i = 0; i < ROWS(phones); i++) {
        ask(w, phones[i]);
        assert_row_why(phones[i], w->result, DT_WHY_PHONE_INVALID);
    }
    assert_int_equal(w->memory->questions + w->sends, 0);
}

static void the_country_is_the_one_of_the_form(void **state)
{
    static const struct {
        const char *country;
        const char *phone;
        const char *e164;
    } rows[] = {
        {NULL, PHONE, "+86" PHONE},
        {"", PHONE, "+86" PHONE},
        {"+86", PHONE, "+86" PHONE},
        {"852", "51234567", "+85251234567"},
        {"00852", "51234567", "+85251234567"},
        {"86", "+852 51234567", "+85251234567"},
    };
    world_t *w = *state;

    w->rules.resend = 0;
    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        w->stored_phone = rows[i].e164;
        ask_in(w, rows[i].country, rows[i].phone);
        assert_row_why(rows[i].phone, w->result, DT_WHY_CODE_SENT);
        assert_row_text(rows[i].phone, w->message.phone, rows[i].e164);
    }
    ask_in(w, "x", PHONE);
    assert_why(w->result, DT_WHY_PHONE_INVALID);
}

/* The next code may be asked for when the resend time is over, whatever became of this one. */
static void what_was_counted_but_not_sent_says_when_to_come_again(void **state)
{
    world_t *w = *state;

    w->sent = DT_SENT_TROUBLE;
    ask(w, PHONE);
    assert_why(w->result, DT_WHY_UNAVAILABLE);
    assert_int_equal(w->retry_in, w->rules.resend);
}

static void what_became_of_the_message_decides(void **state)
{
    static const struct {
        dt_sent_t sent;
        dt_why_id_t why;
        const char *audit;
    } rows[] = {
        {DT_SENT, DT_WHY_CODE_SENT, NULL},
        {DT_SENT_UNKNOWN, DT_WHY_CODE_SENT, NULL},
        {DT_SENT_PHONE, DT_WHY_CODE_SENT, "phone_invalid"},
        {DT_SENT_OFTEN, DT_WHY_CODE_SENT, "too_many"},
        {DT_SENT_ADMIN, DT_WHY_UNAVAILABLE, "unavailable"},
        {DT_SENT_TROUBLE, DT_WHY_UNAVAILABLE, "unavailable"},
        {(dt_sent_t)99, DT_WHY_UNAVAILABLE, "unavailable"},
    };
    world_t *w = *state;

    w->rules.resend = 0;
    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        w->sent = rows[i].sent;
        ask(w, PHONE);
        assert_row_why(dt_whys[rows[i].why].name, w->result, rows[i].why);
        assert_string_equal(w->result.detail, "sms: HTTP 200");
        assert_audit(w, rows[i].audit ? "code_failed" : "code_sent", "zhang", MASKED,
                     rows[i].audit);
    }
}

static void codes_have_their_length_and_every_digit_as_often(void **state)
{
    enum { CODES = 200, LENGTH = 10 };
    world_t *w = *state;
    int count[10] = {0};

    w->rules.resend = 0;
    w->rules.length = LENGTH;
    for (int i = 0; i < CODES; i++) {
        ask(w, PHONE);
        assert_int_equal(strlen(w->message.code), LENGTH);
        for (const char *c = w->message.code; *c; c++) {
            assert_in_range(*c, '0', '9');
            count[*c - '0']++;
        }
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(count[i], 110, 290); /* of 2000: more than six standard deviations */
    }
}

static void the_minutes_of_a_message_are_never_none(void **state)
{
    static const struct {
        apr_interval_time_t lifetime;
        const char *minutes;
    } rows[] = {{SECOND, "1"}, {MINUTE, "1"}, {3 * MINUTE - 1, "2"}, {10 * MINUTE, "10"}};
    world_t *w = *state;

    w->rules.resend = 0;
    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        w->rules.lifetime = rows[i].lifetime;
        ask(w, PHONE);
        assert_string_equal(w->message.minutes, rows[i].minutes);
    }
}

/* --- limits --- */

static const dt_limit_t two_an_hour[] = {{2, 60 * MINUTE}, {0}};

static void a_person_waits_between_two_codes(void **state)
{
    world_t *w = *state;

    ask(w, PHONE);
    w->call.now += 20 * SECOND;
    ask(w, NOBODYS); /* another phone does not help */
    assert_why(w->result, DT_WHY_TOO_MANY);
    assert_int_equal(w->retry_in, 40 * SECOND);
    assert_int_equal(w->sends, 1);
    assert_audit(w, "code_failed", NULL, MASKED_NOBODYS, "too_many");
    w->call.now += 40 * SECOND;
    ask(w, PHONE);
    assert_why(w->result, DT_WHY_CODE_SENT);
}

static void a_phone_rests_between_two_codes(void **state)
{
    static const char *const phones[] = {PHONE, NOBODYS};

    for (apr_size_t i = 0; i < ROWS(phones); i++) {
        world_t *w = *state;
        w->person.union_id = "union";
        w->memory->limit_count = 0;
        ask(w, phones[i]);
        assert_row_why(phones[i], w->result, DT_WHY_CODE_SENT);
        w->person.union_id = "another";
        ask(w, phones[i]);
        assert_row_why(phones[i], w->result, DT_WHY_TOO_MANY);
    }
}

static void the_limits_of_person_and_phone_and_address_hold(void **state)
{
    static const struct {
        const char *union_id;
        const char *address;
        const char *phone;
        bool allowed;
    } rows[] = {
        {"a", "192.0.2.1", "13800138001", true},  {"a", "192.0.2.2", "13800138002", true},
        {"a", "192.0.2.3", "13800138003", false}, {"b", "192.0.2.1", "13800138004", true},
        {"c", "192.0.2.1", "13800138005", false}, {"d", "192.0.2.4", "13800138001", true},
        {"e", "192.0.2.5", "13800138001", false},
    };
    world_t *w = *state;

    w->rules = (dt_code_rules_t){6, 5 * MINUTE, 5, 0, two_an_hour, two_an_hour, two_an_hour};
    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        w->person.union_id = rows[i].union_id;
        w->call.address = rows[i].address;
        ask(w, rows[i].phone);
        assert_row_why(rows[i].phone, w->result,
                       rows[i].allowed ? DT_WHY_CODE_SENT : DT_WHY_TOO_MANY);
    }
}

static void who_is_over_a_limit_leaves_the_phone_alone(void **state)
{
    world_t *w = *state;

    w->rules = (dt_code_rules_t){6, 5 * MINUTE, 5, 0, two_an_hour, two_an_hour, NULL};
    ask(w, "13800138001");
    ask(w, "13800138001");
    for (int i = 0; i < 10; i++) {
        ask(w, PHONE); /* too many of this address */
        assert_why(w->result, DT_WHY_TOO_MANY);
    }
    assert_null(fake_limit_of(w->memory, "phone:+86" PHONE));
    w->call.address = "192.0.2.9";
    ask(w, PHONE);
    assert_why(w->result, DT_WHY_CODE_SENT);
}

static void an_ipv6_network_is_one_address(void **state)
{
    static const struct {
        const char *address;
        const char *subject;
    } rows[] = {
        {"192.0.2.1", "address:192.0.2.1"},
        {"2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"},
        {"2001:DB8:1:2::99", "address:2001:db8:1:2::/64"},
        {"::1", "address:::/64"},
        {"::ffff:192.0.2.1", "address:192.0.2.1"},
        {"fe80::1:2:3:4%eth0", "address:fe80::/64%eth0"},
        {"fe80::5%wlan0", "address:fe80::/64%wlan0"},
    };
    world_t *w = *state;

    w->rules = (dt_code_rules_t){6, 5 * MINUTE, 5, 0, NULL, two_an_hour, NULL};
    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        w->memory->limit_count = 0;
        w->call.address = rows[i].address;
        ask(w, PHONE);
        assert_int_equal(w->memory->limit_count, 1);
        assert_row_text(rows[i].address, w->memory->limits[0].subject, rows[i].subject);
    }
}

static void without_an_address_the_other_limits_hold(void **state)
{
    world_t *w = *state;

    w->rules.per_address = two_an_hour;
    w->call.address = NULL;
    ask(w, PHONE);
    assert_why(w->result, DT_WHY_CODE_SENT);
    assert_int_equal(w->memory->limit_count, 2);
    assert_string_equal(w->memory->limits[0].subject, "person:dingcorp:union");
    assert_string_equal(w->memory->limits[1].subject, "phone:+86" PHONE);
}

/* Whatever DingTalk may use in an id, no two persons share a limit. */
static void an_id_of_any_kind_has_a_limit_of_its_own(void **state)
{
    world_t *w = *state;

    w->person.union_id = "a:b \xe5\xbc\xa0";
    ask(w, PHONE);
    assert_why(w->result, DT_WHY_CODE_SENT);
    assert_string_equal(w->memory->limits[0].subject, "person:dingcorp:a%3Ab%20%E5%BC%A0");

    w->person.union_id = apr_pstrcat(w->call.pool, "0123456789012345678901234567890123456789",
                                     "0123456789012345678901234567890123456789",
                                     "0123456789012345678901234567890123456789",
                                     "0123456789012345678901234567890123456789",
                                     "0123456789012345678901234567890123456789", NULL);
    ask(w, NOBODYS);
    assert_why(w->result, DT_WHY_UNAVAILABLE);
    assert_int_equal(w->sends, 1);
}

/* --- trouble --- */

/* S-35 */
static void nothing_is_sent_when_the_memory_does_not_answer(void **state)
{
    static const char *const functions[] = {"load_limit", "store_limit", "add_challenge"};
    world_t *w = *state;

    w->memory->trouble = APR_TIMEUP;
    for (apr_size_t i = 0; i < ROWS(functions); i++) {
        w->memory->limit_count = 0;
        w->memory->trouble_in = functions[i];
        ask(w, PHONE);
        assert_row_why(functions[i], w->result, DT_WHY_UNAVAILABLE);
        assert_row_true(functions[i], w->result.detail != NULL);
        assert_row_int(functions[i], w->sends, 0);
    }
}

static void nothing_is_sent_when_the_accounts_do_not_answer(void **state)
{
    world_t *w = *state;

    w->accounts_rv = APR_TIMEUP;
    ask(w, PHONE);
    assert_why(w->result, DT_WHY_UNAVAILABLE);
    assert_string_equal(w->result.detail,
                        apr_psprintf(w->call.pool, "the accounts could not be asked: status %d",
                                     APR_TIMEUP));
    assert_int_equal(w->sends + w->memory->challenge_count, 0);
    assert_audit(w, "code_failed", NULL, MASKED, "unavailable");
}

static void what_cannot_be_audited_is_unavailable(void **state)
{
    world_t *w = *state;

    w->memory->trouble = APR_ENOSPC;
    w->memory->trouble_in = "audit";
    ask(w, PHONE);
    assert_why(w->result, DT_WHY_UNAVAILABLE);
    assert_int_equal(w->rv, APR_ENOSPC);
    ask(w, PHONE); /* too many */
    assert_why(w->result, DT_WHY_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_code_goes_to_the_phone_of_the_account),
        WORLD_TEST(the_browser_learns_which_code_it_waits_for),
        WORLD_TEST(a_challenge_is_kept_before_its_code_is_sent),
        WORLD_TEST(a_phone_of_nobody_looks_the_same_without_a_message),
        WORLD_TEST(a_phone_of_nobody_costs_as_many_questions),
        WORLD_TEST(a_phone_of_several_is_one_of_nobody),
        WORLD_TEST(an_account_with_another_phone_gets_no_message),
        WORLD_TEST(what_is_no_phone_counts_for_nothing),
        WORLD_TEST(the_country_is_the_one_of_the_form),
        WORLD_TEST(what_became_of_the_message_decides),
        WORLD_TEST(what_was_counted_but_not_sent_says_when_to_come_again),
        WORLD_TEST(codes_have_their_length_and_every_digit_as_often),
        WORLD_TEST(the_minutes_of_a_message_are_never_none),
        WORLD_TEST(a_person_waits_between_two_codes),
        WORLD_TEST(a_phone_rests_between_two_codes),
        WORLD_TEST(the_limits_of_person_and_phone_and_address_hold),
        WORLD_TEST(who_is_over_a_limit_leaves_the_phone_alone),
        WORLD_TEST(an_ipv6_network_is_one_address),
        WORLD_TEST(without_an_address_the_other_limits_hold),
        WORLD_TEST(an_id_of_any_kind_has_a_limit_of_its_own),
        WORLD_TEST(nothing_is_sent_when_the_memory_does_not_answer),
        WORLD_TEST(nothing_is_sent_when_the_accounts_do_not_answer),
        WORLD_TEST(what_cannot_be_audited_is_unavailable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
