/* SPDX-License-Identifier: Apache-2.0 */
/* The sender for Tencent Cloud: its request, its signature, and whom it serves. */
#include "core/sms_sign.h"
#include "sender_world.h"

static const dt_sender_config_t usual = {.name = "sms",
                                         .key = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
                                         .secret = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
                                         .app = "1400006666",
                                         .sign = {"腾讯云", NULL},
                                         .template = {"1110", NULL}};

static void a_message_goes_out_as_signed_json(void **state)
{
    world_t *world = *state;

    make(world, dt_send_tencent_create, &usual);
    answer_with(world, 200, "{\"Response\":{\"SendStatusSet\":[{\"Code\":\"Ok\"}]}}");
    assert_int_equal(send_it(world, &mainland), DT_SENT);
    assert_string_equal(world->request.method, "POST");
    assert_string_equal(world->request.url, "https://sms.tencentcloudapi.com/");
    assert_string_equal(world->request.body.data,
                        "{\"PhoneNumberSet\":[\"+8613800138000\"],\"SmsSdkAppId\":\"1400006666\","
                        "\"SignName\":\"腾讯云\",\"TemplateId\":\"1110\",\"TemplateParamSet\":["
                        "\"123456\"],\"SessionContext\":\"otp-0001\"}");
    assert_int_equal(world->request.body.len, 165);
    assert_string_equal(header_of(world, "Content-Type"), "application/json; charset=utf-8");
    assert_string_equal(header_of(world, "X-TC-Action"), "SendSms");
    assert_string_equal(header_of(world, "X-TC-Version"), "2021-01-11");
    assert_string_equal(header_of(world, "X-TC-Region"), "ap-guangzhou");
    assert_string_equal(header_of(world, "X-TC-Timestamp"), "1767323045");
    assert_string_equal(
        header_of(world, "Authorization"),
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2026-01-02/sms/"
        "tc3_request, SignedHeaders=content-type;host, "
        "Signature=f7e91708d32b781652bcc6e94d1bc3526292eebf80ccb355858457b3c1b481a6");
}

static void another_endpoint_and_region_are_used_and_signed(void **state)
{
    static const dt_http_header_t headers[] = {{"content-type", "application/json; charset=utf-8"},
                                               {"host", "127.0.0.1:8080"},
                                               {NULL, NULL}};
    world_t *world = *state;
    dt_sender_config_t config = usual;
    dt_to_sign_t request = {"/", "", headers, {NULL, 0}};

    config.url = "http://127.0.0.1:8080";
    config.region = "ap-singapore";
    make(world, dt_send_tencent_create, &config);
    (void)send_it(world, &mainland);
    request.body = world->request.body;
    assert_string_equal(world->request.url, "http://127.0.0.1:8080/");
    assert_string_equal(header_of(world, "X-TC-Region"), "ap-singapore");
    assert_string_equal(header_of(world, "Authorization"),
                        dt_sign_tc3(world->call.pool, usual.key, usual.secret, "sms",
                                    world->call.now, &request));
}

static void other_numbers_have_their_own_signature_and_template(void **state)
{
    world_t *world = *state;
    dt_sender_config_t config = usual;

    config.sign[1] = "ACME";
    config.template[1] = "2220";
    make(world, dt_send_tencent_create, &config);
    (void)send_it(world, &hong_kong);
    assert_string_equal(world->request.body.data,
                        "{\"PhoneNumberSet\":[\"+85251234567\"],\"SmsSdkAppId\":\"1400006666\","
                        "\"SignName\":\"ACME\",\"TemplateId\":\"2220\",\"TemplateParamSet\":["
                        "\"000123\"],\"SessionContext\":\"otp-0001\"}");
}

static void without_a_template_other_numbers_are_not_served(void **state)
{
    world_t *world = *state;

    make(world, dt_send_tencent_create, &usual);
    assert_int_equal(send_it(world, &hong_kong), DT_SENT_TROUBLE);
    assert_int_equal(world->requests, 0);
    assert_non_null(strstr(world->detail, "DingTalkSenderTemplate"));
}

static void parameters_are_strings_in_order(void **state)
{
    static const dt_sender_pair_t params[] = {{NULL, "%{code}"},
                                              {NULL, "%{minutes}"},
                                              {NULL, "\"%%\""},
                                              {NULL, NULL}};
    world_t *world = *state;
    dt_sender_config_t config = usual;

    config.params = params;
    make(world, dt_send_tencent_create, &config);
    (void)send_it(world, &mainland);
    assert_non_null(
        strstr(world->request.body.data, "\"TemplateParamSet\":[\"123456\",\"5\",\"\\\"%\\\"\"]"));
}

static void text_that_is_not_utf8_is_not_sent(void **state)
{
    world_t *world = *state;
    dt_sender_config_t config = usual;

    config.sign[0] = "\xff";
    make(world, dt_send_tencent_create, &config);
    assert_int_equal(send_it(world, &mainland), DT_SENT_TROUBLE);
    assert_non_null(strstr(world->detail, "is not UTF-8"));
    assert_int_equal(world->requests, 0);
}

static void the_reply_is_judged_by_its_code(void **state)
{
    world_t *world = *state;

    make(world, dt_send_tencent_create, &usual);
    answer_with(world, 200,
                "{\"Response\":{\"Error\":{\"Code\":\"AuthFailure.SignatureExpire\"}}}");
    assert_int_equal(send_it(world, &mainland), DT_SENT_ADMIN);
    assert_string_equal(world->detail, "sms: HTTP 200, code AuthFailure.SignatureExpire");
}

static void mistakes_are_told_with_their_directive(void **state)
{
    static const mistake_t mistakes[] = {
        {{.name = "sms"}, "DingTalkSenderKey: is missing; "},
        {{.name = "sms", .key = "k", .sign = {"s", NULL}}, "DingTalkSenderTemplate: is missing; "},
        {{.name = "sms", .key = "k", .sign = {"s", NULL}, .template = {"t", NULL}},
         "DingTalkSenderApp: is missing; "},
        {{.name = "sms",
          .key = "k",
          .sign = {"s", NULL},
          .template = {"t", NULL},
          .app = "1",
          .url = "ftp://gw.example"},
         "DingTalkSenderURL: must be "},
    };
    world_t *world = *state;

    check_mistakes(world->call.pool, dt_send_tencent_create, mistakes, ROWS(mistakes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_message_goes_out_as_signed_json),
        WITH_WORLD(another_endpoint_and_region_are_used_and_signed),
        WITH_WORLD(other_numbers_have_their_own_signature_and_template),
        WITH_WORLD(without_a_template_other_numbers_are_not_served),
        WITH_WORLD(parameters_are_strings_in_order),
        WITH_WORLD(text_that_is_not_utf8_is_not_sent),
        WITH_WORLD(the_reply_is_judged_by_its_code),
        WITH_WORLD(mistakes_are_told_with_their_directive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
