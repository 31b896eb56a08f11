/* SPDX-License-Identifier: Apache-2.0 */
/* The sender for Alibaba Cloud: its request, its signature, and whom it serves. */
#include "core/sms_sign.h"
#include "sender_world.h"

static const dt_sender_config_t usual = {.name = "sms",
                                         .key = "YourAccessKeyId",
                                         .secret = "YourAccessKeySecret",
                                         .sign = {"阿里云", NULL},
                                         .template = {"SMS_154950909", NULL}};

static void a_message_goes_out_as_a_query_with_an_empty_body(void **state)
{
    world_t *world = *state;

    make(world, dt_send_aliyun_create, &usual);
    answer_with(world, 200, "{\"Code\":\"OK\"}");
    assert_int_equal(send_it(world, &mainland), DT_SENT);
    assert_string_equal(world->request.method, "POST");
    assert_string_equal(world->request.url,
                        "https://dysmsapi.aliyuncs.com/?OutId=otp-0001&PhoneNumbers=13800138000&"
                        "SignName=%E9%98%BF%E9%87%8C%E4%BA%91&TemplateCode=SMS_154950909&"
                        "TemplateParam=%7B%22code%22%3A%22123456%22%7D");
    assert_int_equal(world->request.body.len, 0);
    assert_string_equal(header_of(world, "Content-Type"), "");
    assert_string_equal(header_of(world, "Accept"), "application/json");
    assert_string_equal(header_of(world, "x-acs-action"), "SendSms");
    assert_string_equal(header_of(world, "x-acs-version"), "2017-05-25");
    assert_string_equal(header_of(world, "x-acs-date"), "2026-01-02T03:04:05Z");
}

/* The signature over what was sent, for the host that curl will write. */
static const char *signature_for(world_t *world, const char *host, const char *path)
{
    const dt_http_header_t headers[] = {{"host", host},
                                        {"x-acs-action", header_of(world, "x-acs-action")},
                                        {"x-acs-content-sha256",
                                         header_of(world, "x-acs-content-sha256")},
                                        {"x-acs-date", header_of(world, "x-acs-date")},
                                        {"x-acs-signature-nonce",
                                         header_of(world, "x-acs-signature-nonce")},
                                        {"x-acs-version", header_of(world, "x-acs-version")},
                                        {NULL, NULL}};
    const dt_to_sign_t request = {path, strchr(world->request.url, '?') + 1, headers, {NULL, 0}};

    return dt_sign_acs3(world->call.pool, "YourAccessKeyId", "YourAccessKeySecret", &request);
}

static void what_is_signed_is_what_is_sent(void **state)
{
    static const struct {
        const char *url;
        const char *host;
        const char *path;
    } rows[] = {
        {NULL, "dysmsapi.aliyuncs.com", "/"},
        {"https://DYSMSAPI.ap-southeast-1.aliyuncs.com/", "dysmsapi.ap-southeast-1.aliyuncs.com",
         "/"},
        {"https://gw.example:443", "gw.example", "/"},
        {"https://gw.example:8443/a", "gw.example:8443", "/a/"},
        {"http://127.0.0.1:8080", "127.0.0.1:8080", "/"},
        {"http://[::1]:8080", "[::1]:8080", "/"},
    };
    world_t *world = *state;
    dt_sender_config_t config = usual;

    for (size_t i = 0; i < ROWS(rows); i++) {
        config.url = rows[i].url;
        make(world, dt_send_aliyun_create, &config);
        (void)send_it(world, &mainland);
        assert_row_text(rows[i].host, header_of(world, "Authorization"),
                        signature_for(world, rows[i].host, rows[i].path));
        assert_string_equal(header_of(world, "x-acs-content-sha256"),
                            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}

static void no_two_messages_have_the_same_nonce(void **state)
{
    world_t *world = *state;
    const char *first;

    make(world, dt_send_aliyun_create, &usual);
    (void)send_it(world, &mainland);
    first = header_of(world, "x-acs-signature-nonce");
    assert_int_equal(strlen(first), 32);
    (void)send_it(world, &mainland);
    assert_string_not_equal(header_of(world, "x-acs-signature-nonce"), first);
}

static void other_numbers_have_their_own_signature_and_template(void **state)
{
    world_t *world = *state;
    dt_sender_config_t config = usual;

    config.sign[1] = "ACME";
    config.template[1] = "SMS_1";
    make(world, dt_send_aliyun_create, &config);
    (void)send_it(world, &hong_kong);
    assert_non_null(strstr(world->request.url, "&PhoneNumbers=85251234567&SignName=ACME&"
                                               "TemplateCode=SMS_1&"));
    config.sign[1] = NULL;
    make(world, dt_send_aliyun_create, &config);
    (void)send_it(world, &hong_kong);
    assert_non_null(strstr(world->request.url, "&SignName=%E9%98%BF%E9%87%8C%E4%BA%91&"
                                               "TemplateCode=SMS_1&"));
}

static void without_a_template_other_numbers_are_not_served(void **state)
{
    world_t *world = *state;

    make(world, dt_send_aliyun_create, &usual);
    assert_int_equal(send_it(world, &hong_kong), DT_SENT_TROUBLE);
    assert_int_equal(world->requests, 0);
    assert_string_equal(world->detail, "sms: has no DingTalkSenderTemplate for numbers outside of "
                                       "the mainland");
}

static void parameters_are_strings_in_json(void **state)
{
    static const dt_sender_pair_t params[] = {{"code", "%{code}"},
                                              {"app", "o'k /=&%"},
                                              {"min", "%{minutes}"},
                                              {NULL, NULL}};
    world_t *world = *state;
    dt_sender_config_t config = usual;

    config.params = params;
    make(world, dt_send_aliyun_create, &config);
    (void)send_it(world, &mainland);
    assert_string_equal(strstr(world->request.url, "&TemplateParam="),
                        "&TemplateParam=%7B%22code%22%3A%22123456%22%2C%22app%22%3A%22o%27k%20%2F"
                        "%3D%26%25%22%2C%22min%22%3A%225%22%7D");
}

static void text_that_is_not_utf8_is_not_sent(void **state)
{
    static const dt_sender_pair_t params[] = {{"code", "\xff%{code}"}, {NULL, NULL}};
    world_t *world = *state;
    dt_sender_config_t config = usual;

    config.params = params;
    make(world, dt_send_aliyun_create, &config);
    assert_int_equal(send_it(world, &mainland), DT_SENT_TROUBLE);
    assert_string_equal(world->detail, "sms: DingTalkSenderParam is not UTF-8");
    assert_int_equal(world->requests, 0);
}

static void the_reply_is_judged_by_its_code(void **state)
{
    world_t *world = *state;

    make(world, dt_send_aliyun_create, &usual);
    answer_with(world, 200, "{\"Code\":\"isv.BUSINESS_LIMIT_CONTROL\"}");
    assert_int_equal(send_it(world, &mainland), DT_SENT_OFTEN);
    assert_string_equal(world->detail, "sms: HTTP 200, code isv.BUSINESS_LIMIT_CONTROL");
}

static void a_call_that_failed_may_have_sent_it(void **state)
{
    world_t *world = *state;

    make(world, dt_send_aliyun_create, &usual);
    world->rv = APR_TIMEUP;
    world->response = (dt_http_response_t){.trouble = "no complete reply in time"};
    assert_int_equal(send_it(world, &mainland), DT_SENT_UNKNOWN);
    world->response = (dt_http_response_t){.trouble = "no connection", .unsent = true};
    assert_int_equal(send_it(world, &mainland), DT_SENT_TROUBLE);
    assert_string_equal(world->detail, "sms: no connection");
}

#define KEY_SIGN_TEMPLATE .name = "sms", .key = "k", .sign = {"s", NULL}, .template = {"t", NULL}

static void mistakes_are_told_with_their_directive(void **state)
{
    static const dt_sender_pair_t unnamed[] = {{NULL, "%{code}"}, {NULL, NULL}};
    static const dt_sender_pair_t unknown[] = {{"code", "%{secret}"}, {NULL, NULL}};
    static const mistake_t mistakes[] = {
        {{.name = "sms"}, "DingTalkSenderKey: is missing; "},
        {{.name = "sms", .key = ""}, "DingTalkSenderKey: is missing; "},
        {{.name = "sms", .key = "k"}, "DingTalkSenderSign: is missing; "},
        {{.name = "sms", .key = "k", .sign = {"s", NULL}}, "DingTalkSenderTemplate: is missing; "},
        {{KEY_SIGN_TEMPLATE, .params = unnamed}, "DingTalkSenderParam: must be name=value"},
        {{KEY_SIGN_TEMPLATE, .params = unknown}, "DingTalkSenderParam: %{secret} is not known"},
        {{KEY_SIGN_TEMPLATE, .url = "http://gw.example"}, "DingTalkSenderURL: must be an https"},
        {{KEY_SIGN_TEMPLATE, .url = "https://u@gw.example"}, "DingTalkSenderURL: must be a URL"},
        {{KEY_SIGN_TEMPLATE, .url = "https://gw.example/?a"}, "DingTalkSenderURL: must be a URL"},
    };
    world_t *world = *state;
    dt_sender_config_t config = usual;
    const char *wrong;

    check_mistakes(world->call.pool, dt_send_aliyun_create, mistakes, ROWS(mistakes));
    config.secret = NULL;
    assert_null(dt_send_aliyun_create(world->call.pool, &config, NULL, &world->sender));
    wrong = dt_send_aliyun_create(world->call.pool, &config, &world->http, &world->sender);
    assert_ptr_equal(strstr(wrong, "DingTalkSenderSecret: is missing; "), wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_message_goes_out_as_a_query_with_an_empty_body),
        WITH_WORLD(what_is_signed_is_what_is_sent),
        WITH_WORLD(no_two_messages_have_the_same_nonce),
        WITH_WORLD(other_numbers_have_their_own_signature_and_template),
        WITH_WORLD(without_a_template_other_numbers_are_not_served),
        WITH_WORLD(parameters_are_strings_in_json),
        WITH_WORLD(text_that_is_not_utf8_is_not_sent),
        WITH_WORLD(the_reply_is_judged_by_its_code),
        WITH_WORLD(a_call_that_failed_may_have_sent_it),
        WITH_WORLD(mistakes_are_told_with_their_directive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
