/* SPDX-License-Identifier: Apache-2.0 */
/* Pushes that arrive: whose are opened, whose are not, and how they are answered. */
#include "pushes.h"

#include "core/json.h"

#define LEAVER (&vectors[4]) /* E1 */
#define SIGNATURE "d0f233c7a095ccd62af223df2a162756d01f5a4b"
#define CORP "dingtestcorp0001"

/* What came of a push. */
typedef struct opened_t {
    dt_push_t push;
    dt_slice_t text;
    const char *owner;
    const char *detail;
} opened_t;

static opened_t open_push(const dt_call_t *call, const dt_subscription_t *subscription, push_t push)
{
    opened_t opened = {.detail = NULL};

    opened.push = dt_push_open(subscription, call, dt_slice(push.query), dt_slice(push.body),
                               &opened.text, &opened.owner, &opened.detail);
    return opened;
}

static void assert_genuine(const dt_call_t *call, const dt_subscription_t *subscription,
                           push_t push, const char *text, const char *owner)
{
    const opened_t opened = open_push(call, subscription, push);

    assert_row_int(push.query, opened.push, DT_PUSH_GENUINE);
    assert_row_text(push.query, opened.text.data, text);
    assert_row_int(push.query, opened.text.len, strlen(text));
    assert_row_text(push.query, opened.owner, owner);
}

static void assert_refused(const dt_call_t *call, const dt_subscription_t *subscription,
                           push_t push, dt_push_t expected, const char *detail)
{
    const opened_t opened = open_push(call, subscription, push);

    assert_row_int(push.query, opened.push, expected);
    assert_row_text(push.query, opened.detail, detail);
}

/* --- what is genuine --- */

static void every_published_push_is_opened(void **state)
{
    const dt_call_t *call = *state;

    for (apr_size_t i = 0; i < ROWS(vectors); i++) {
        const vector_t *v = &vectors[i];
        const dt_subscription_t subscription = subscription_of(v);
        assert_genuine(call, &subscription, push_of(call->pool, v), v->message, v->owner);
    }
}

static void every_spelling_of_the_parameters_is_understood(void **state)
{
    static const char *const queries[] = {
        "signature=" SIGNATURE "&timestamp=1700000000000&nonce=nonceE1",
        "signature=" SIGNATURE "&timeStamp=1700000000000&nonce=nonceE1",
        "msg_signature=" SIGNATURE "&timestamp=1700000000000&nonce=nonceE1",
        "msg_signature=" SIGNATURE "&timeStamp=1700000000000&nonce=nonceE1",
        "msg_signature=" SIGNATURE "&signature=" SIGNATURE "&timeStamp=1700000000000&nonce=nonceE1",
        "nonce=nonceE1&other=1&timestamp=%31700000000000&signature=" SIGNATURE "&signature2=x",
        NULL};
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(LEAVER);
    push_t push = push_of(call->pool, LEAVER);

    for (const char *const *query = queries; *query; query++) {
        push.query = *query;
        assert_genuine(call, &subscription, push, LEAVER->message, LEAVER->owner);
    }
}

static void the_corp_is_an_owner_too(void **state)
{
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(LEAVER);

    assert_genuine(call, &subscription,
                   push_sealed(call->pool, &subscription, DT_SLICE("{}"), CORP), "{}", CORP);
}

static void a_body_may_have_other_members_and_slashes_escaped(void **state)
{
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(&vectors[1]);
    push_t push = push_of(call->pool, &vectors[1]);

    push.body = "{\"a\":[1],\"Encrypt\":\"0vJiX6vliEpwG3U45CtXqi+m8PXbQRARJ8p8BbDuD1EMTDf0jKpQ79QS"
                "93qEk7XHpP6u+oTTrd15NRPvNvmBKyDCYxxOK+HZeKju4yhELOFchzNukR+t8SB\\/qk4ROMu3\"}";
    assert_genuine(call, &subscription, push, "{\"EventType\":\"check_url\"}", vectors[1].owner);
}

static void an_empty_message_is_a_text(void **state)
{
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(LEAVER);

    assert_genuine(call, &subscription,
                   push_sealed(call->pool, &subscription, DT_SLICE(""), LEAVER->owner), "",
                   LEAVER->owner);
}

/* --- what is not --- */

/* Whatever bit of value is not as it was, the push is refused. */
static void assert_every_bit_counts(const dt_call_t *call, push_t push, const char *text,
                                    const char *value)
{
    const dt_subscription_t subscription = subscription_of(LEAVER);
    char *bytes = (char *)(uintptr_t)strstr(text, value);

    assert_non_null(bytes);
    for (apr_size_t bit = 0; bit < strlen(value) * 8; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_not_equal(open_push(call, &subscription, push).push, DT_PUSH_GENUINE);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_genuine(call, &subscription, push, LEAVER->message, LEAVER->owner);
}

static void every_bit_of_a_push_counts(void **state)
{
    const dt_call_t *call = *state;
    const push_t push = push_of(call->pool, LEAVER);

    assert_every_bit_counts(call, push, push.query, LEAVER->signature);
    assert_every_bit_counts(call, push, push.query, LEAVER->timestamp);
    assert_every_bit_counts(call, push, push.query, LEAVER->nonce);
    assert_every_bit_counts(call, push, push.body, LEAVER->envelope);
}

static void who_has_no_token_is_refused_before_anything_is_decrypted(void **state)
{
    const char *detail = "its signature was not made with our token";
    const dt_call_t *call = *state;
    const dt_subscription_t ours = subscription_of(LEAVER);
    dt_subscription_t theirs = ours;

    theirs.token = "t0kenForTestS";
    assert_refused(call, &ours, push_sealed(call->pool, &theirs, DT_SLICE("{}"), LEAVER->owner),
                   DT_PUSH_FORGED, detail);
    assert_refused(call, &ours, push_signed(call->pool, &theirs, "no base64"), DT_PUSH_FORGED,
                   detail);
}

static void a_signature_is_whole_and_in_lower_case(void **state)
{
    const char *const odd[] = {"d0f233c7a095ccd62af223df2a162756d01f5a4",
                               "d0f233c7a095ccd62af223df2a162756d01f5a4b0",
                               "D0F233C7A095CCD62AF223DF2A162756D01F5A4B", "", NULL};
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(LEAVER);
    push_t push = push_of(call->pool, LEAVER);

    for (const char *const *signature = odd; *signature; signature++) {
        push.query = apr_psprintf(call->pool, "signature=%s&timestamp=1700000000000&nonce=nonceE1",
                                  *signature);
        assert_refused(call, &subscription, push, DT_PUSH_FORGED,
                       "its signature was not made with our token");
    }
}

static void who_has_no_key_is_refused(void **state)
{
    const dt_call_t *call = *state;
    const dt_subscription_t ours = subscription_of(LEAVER);
    dt_subscription_t theirs = ours;

    theirs.aes_key[0] ^= 0x80;
    assert_refused(call, &ours, push_sealed(call->pool, &theirs, DT_SLICE("{}"), LEAVER->owner),
                   DT_PUSH_FORGED, "its padding is wrong: it was encrypted with another AES key");
    assert_refused(call, &ours, push_signed(call->pool, &ours, "no base64"), DT_PUSH_FORGED,
                   "it is no base64 of whole blocks");
}

static void a_push_for_somebody_else_is_forged(void **state)
{
    static const char *const owners[] = {"dingtestappkey0002",
                                         "dingtestappkey000",
                                         "dingtestappkey00010",
                                         "DINGTESTAPPKEY0001",
                                         "dingtestcorp0002",
                                         "",
                                         NULL};
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(LEAVER);

    for (const char *const *owner = owners; *owner; owner++) {
        assert_refused(call, &subscription,
                       push_sealed(call->pool, &subscription, DT_SLICE("{}"), *owner),
                       DT_PUSH_FORGED, "it is for another app or organisation");
    }
}

static void who_has_no_corp_does_not_take_what_is_for_nobody(void **state)
{
    const char *const none[] = {NULL, ""};
    const dt_call_t *call = *state;
    dt_subscription_t subscription = subscription_of(LEAVER);

    for (apr_size_t i = 0; i < ROWS(none); i++) {
        subscription.corp_id = none[i];
        assert_refused(call, &subscription,
                       push_sealed(call->pool, &subscription, DT_SLICE("{}"), ""), DT_PUSH_FORGED,
                       "it is for another app or organisation");
    }
}

static void a_query_without_one_of_its_parameters_is_malformed(void **state)
{
    static const char *const queries[] = {"",
                                          "timestamp=1&nonce=n",
                                          "signature=s&nonce=n",
                                          "signature=s&timestamp=1",
                                          "Signature=s&timestamp=1&nonce=n",
                                          "signature=s&signature=s&timestamp=1&nonce=n",
                                          "signature=s&timestamp=1&timestamp=1&nonce=n",
                                          "signature=s&timestamp=1&nonce=n&nonce=n",
                                          "signature=s&timestamp=1&nonce=%00",
                                          "signature=s&timestamp=1&nonce=%0a",
                                          "signature=s&timestamp=1&nonce=%",
                                          "signature=s&timestamp=1&nonce=%ff",
                                          NULL};
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(LEAVER);
    push_t push = push_of(call->pool, LEAVER);

    for (const char *const *query = queries; *query; query++) {
        push.query = *query;
        assert_refused(call, &subscription, push, DT_PUSH_MALFORMED,
                       "its query lacks signature, timestamp or nonce, or has one of them twice");
    }
}

static const char *repeated(apr_pool_t *pool, char c, apr_size_t count)
{
    char *text = apr_pcalloc(pool, count + 1);

    memset(text, c, count);
    return text;
}

static void a_body_without_envelope_is_malformed(void **state)
{
    const dt_call_t *call = *state;
    const char *const bodies[] = {"",
                                  "x",
                                  "[]",
                                  "\"encrypt\"",
                                  "null",
                                  "[{\"encrypt\":\"AAAA\"}]",
                                  "{}",
                                  "{\"encrypt\":null}",
                                  "{\"encrypt\":\"\"}",
                                  "{\"encrypt\":[\"AAAA\"]}",
                                  "{\"encrypt\":{}}",
                                  "{\"encrypt\":true}",
                                  "{\"encrypt\":\"AA\\u0000AA\"}",
                                  "{\"encrypt\":\"AAAA\",\"encrypt\":\"AAAA\"}",
                                  "{\"encrypt\":\"AAAA\"} {}",
                                  "{\"encrypt\":\"AAAA\"",
                                  repeated(call->pool, '[', 100000),
                                  apr_pstrcat(call->pool,
                                              "{\"a\":", repeated(call->pool, '[', 60000),
                                              repeated(call->pool, ']', 60000),
                                              ",\"encrypt\":\"AAAA\"}", NULL),
                                  NULL};
    const dt_subscription_t subscription = subscription_of(LEAVER);
    push_t push = push_of(call->pool, LEAVER);

    for (const char *const *body = bodies; *body; body++) {
        push.body = *body;
        assert_refused(call, &subscription, push, DT_PUSH_MALFORMED,
                       "its body is no JSON object with a text \"encrypt\"");
    }
}

static void a_body_is_as_large_as_it_may_be_and_no_larger(void **state)
{
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(LEAVER);
    push_t push = push_of(call->pool, LEAVER);
    const apr_size_t room = DT_PUSH_BODY_MAX - strlen(push.body);

    push.body = apr_pstrcat(call->pool, push.body, repeated(call->pool, ' ', room), NULL);
    assert_genuine(call, &subscription, push, LEAVER->message, LEAVER->owner);
    push.body = apr_pstrcat(call->pool, push.body, " ", NULL);
    assert_int_equal(open_push(call, &subscription, push).push, DT_PUSH_MALFORMED);
}

static void a_message_with_a_nul_is_malformed(void **state)
{
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(LEAVER);

    assert_refused(call, &subscription,
                   push_sealed(call->pool, &subscription, DT_SLICE("{}\0{}"), LEAVER->owner),
                   DT_PUSH_MALFORMED, "its message holds a NUL");
}

/* --- answers --- */

/* The answer as if it were a push: it is made in the same way. */
static push_t answer_of(const dt_call_t *call, const dt_subscription_t *subscription,
                        const char *owner)
{
    const char *json = NULL;
    json_t *object;
    push_t push;

    assert_int_equal(dt_push_answer(subscription, call, owner, &json), APR_SUCCESS);
    object = dt_json_parse(dt_slice(json));
    assert_non_null(object);
    assert_int_equal(json_object_size(object), 4);
    assert_string_equal(json_string_value(json_object_get(object, "timeStamp")), "1700000000000");
    push.query = apr_psprintf(call->pool, "msg_signature=%s&timeStamp=1700000000000&nonce=%s",
                              json_string_value(json_object_get(object, "msg_signature")),
                              json_string_value(json_object_get(object, "nonce")));
    push.body = body_of(call->pool, json_string_value(json_object_get(object, "encrypt")));
    json_decref(object);
    return push;
}

static void the_answer_says_success_to_the_owner_of_the_push(void **state)
{
    static const char *const owners[] = {"dingtestappkey0001", CORP, NULL};
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(LEAVER);

    for (const char *const *owner = owners; *owner; owner++) {
        assert_genuine(call, &subscription, answer_of(call, &subscription, *owner), "success",
                       *owner);
    }
}

static void no_answer_is_like_another(void **state)
{
    const dt_call_t *call = *state;
    const dt_subscription_t subscription = subscription_of(LEAVER);
    const push_t one = answer_of(call, &subscription, CORP);
    const push_t other = answer_of(call, &subscription, CORP);

    assert_string_not_equal(strstr(one.query, "nonce="), strstr(other.query, "nonce="));
    assert_string_not_equal(one.body, other.body);
}

/* --- the AES key --- */

static void the_aes_key_is_decoded_with_its_spare_bits(void **state)
{
    static const struct {
        const char *text;
        const char *hex;
    } rows[] = {
        {"1234567890123456789012345678901234567890123",
         "d76df8e7aefcf74d76df8e7aefcf74d76df8e7aefcf74d76df8e7aefcf74d76d"},
        {"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
         "69b71d79f8218a39259a7a29aabb2dbafc31cb3d35db7e39ebbf3d0010831051"},
    };
    unsigned char key[32];

    for (apr_size_t i = 0; i < ROWS(rows); i++) {
        assert_row_int(rows[i].text, dt_push_aes_key(dt_slice(rows[i].text), key), APR_SUCCESS);
        assert_row_text(rows[i].text, dt_hex(*state, key, sizeof(key)), rows[i].hex);
    }
}

static void what_is_not_43_letters_and_digits_is_no_aes_key(void **state)
{
    static const char *const odd[] = {"",
                                      "123456789012345678901234567890123456789012",
                                      "12345678901234567890123456789012345678901234",
                                      "123456789012345678901234567890123456789012=",
                                      "12345678901234567890123456789012345678901 3",
                                      "1234567890123456789012345678901234567890+23",
                                      "1234567890123456789012345678901234567890/23",
                                      "12345678901234567890123456789012345678901\xc3\xa4",
                                      NULL};
    unsigned char key[32];

    (void)state;
    for (const char *const *text = odd; *text; text++) {
        assert_row_int(*text, dt_push_aes_key(dt_slice(*text), key), APR_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CALL(every_published_push_is_opened),
        WITH_CALL(every_spelling_of_the_parameters_is_understood),
        WITH_CALL(the_corp_is_an_owner_too),
        WITH_CALL(a_body_may_have_other_members_and_slashes_escaped),
        WITH_CALL(an_empty_message_is_a_text),
        WITH_CALL(every_bit_of_a_push_counts),
        WITH_CALL(who_has_no_token_is_refused_before_anything_is_decrypted),
        WITH_CALL(a_signature_is_whole_and_in_lower_case),
        WITH_CALL(who_has_no_key_is_refused),
        WITH_CALL(a_push_for_somebody_else_is_forged),
        WITH_CALL(who_has_no_corp_does_not_take_what_is_for_nobody),
        WITH_CALL(a_query_without_one_of_its_parameters_is_malformed),
        WITH_CALL(a_body_without_envelope_is_malformed),
        WITH_CALL(a_body_is_as_large_as_it_may_be_and_no_larger),
        WITH_CALL(a_message_with_a_nul_is_malformed),
        WITH_CALL(the_answer_says_success_to_the_owner_of_the_push),
        WITH_CALL(no_answer_is_like_another),
        WITH_POOL(the_aes_key_is_decoded_with_its_spare_bits),
        WITH_POOL(what_is_not_43_letters_and_digits_is_no_aes_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
