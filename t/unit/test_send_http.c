/* SPDX-License-Identifier: Apache-2.0 */
/* The sender for any other gateway: what templates can express, and what httpd -t says of them. */
#include "sender_world.h"

#define URL .name = "sms", .url = "https://gw.example/send"
#define JSON .content_type = "application/json"

/* --- gateways as they are found --- */

static void a_form_with_basic_authorization(void **state)
{
    static const dt_sender_pair_t headers[] = {{"Authorization", "Basic %{secret}"}, {NULL, NULL}};
    static const dt_sender_config_t config = {
        .name = "sms",
        .url = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json",
        .secret = "QUMxOnRva2Vu",
        .headers = headers,
        .content_type = "application/x-www-form-urlencoded",
        .body = "To=%{phone}&From=%2B15005550006&Body=Your+code+is+%{code}.+Valid+%{minutes}+min."};
    world_t *world = *state;

    make(world, dt_send_http_create, &config);
    assert_int_equal(send_it(world, &mainland), DT_SENT);
    assert_string_equal(world->request.method, "POST");
    assert_string_equal(world->request.url,
                        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json");
    assert_string_equal(header_of(world, "Authorization"), "Basic QUMxOnRva2Vu");
    assert_string_equal(header_of(world, "Content-Type"), "application/x-www-form-urlencoded");
    assert_string_equal(
        world->request.body.data,
        "To=%2B8613800138000&From=%2B15005550006&Body=Your+code+is+123456.+Valid+5+min.");
}

static void json_with_a_bearer_token(void **state)
{
    static const dt_sender_pair_t headers[] = {{"Authorization", "Bearer %{secret}"}, {NULL, NULL}};
    static const dt_sender_config_t config = {
        .name = "sms",
        .url = "https://sms-relay.example.com/v1/otp",
        .secret = "s3cr3t",
        .headers = headers,
        JSON,
        .body = "{\"to\":\"%{phone}\",\"template\":\"login\",\"params\":{\"code\":\"%{code}\","
                "\"minutes\":\"%{minutes}\"},\"request_id\":\"%{id}\"}"};
    world_t *world = *state;

    make(world, dt_send_http_create, &config);
    assert_int_equal(send_it(world, &mainland), DT_SENT);
    assert_string_equal(world->request.method, "POST");
    assert_string_equal(world->request.url, "https://sms-relay.example.com/v1/otp");
    assert_string_equal(header_of(world, "Authorization"), "Bearer s3cr3t");
    assert_string_equal(header_of(world, "Content-Type"), "application/json");
    assert_string_equal(world->request.body.data,
                        "{\"to\":\"+8613800138000\",\"template\":\"login\",\"params\":{\"code\":"
                        "\"123456\",\"minutes\":\"5\"},\"request_id\":\"otp-0001\"}");
}

static void json_with_a_signature_over_time_and_body(void **state)
{
    static const dt_sender_pair_t headers[] = {{"X-Signature", "t=%{time},v1=%{signature}"},
                                               {NULL, NULL}};
    static const dt_sender_config_t config = {
        .name = "sms",
        .url = "https://sms-relay.example.com/hook",
        .secret = "whsec_test",
        .headers = headers,
        JSON,
        .body = "{\"to\":\"%{phone}\",\"code\":\"%{code}\",\"ttl\":300,\"request_id\":\"%{id}\"}"};
    world_t *world = *state;

    make(world, dt_send_http_create, &config);
    assert_int_equal(send_it(world, &mainland), DT_SENT);
    assert_string_equal(world->request.url, "https://sms-relay.example.com/hook");
    assert_string_equal(
        header_of(world, "X-Signature"),
        "t=1767323045,v1=d31392d33578e458020ad7ccfd39bf1686044dd3d53262b45413f52e3f41031d");
    assert_string_equal(
        world->request.body.data,
        "{\"to\":\"+8613800138000\",\"code\":\"123456\",\"ttl\":300,\"request_id\":\"otp-0001\"}");
    assert_int_equal(world->request.body.len, 73);
}

static void everything_in_the_url_and_a_plain_text_answer(void **state)
{
    static const dt_sender_config_t config = {
        .name = "sms",
        .url = "https://api.smsbao.com/sms?u=USER&p=%{secret}&g=GOODS&m=%{national}&c="
               "%E3%80%90%E7%A4%BA%E4%BE%8B%E3%80%91%E6%82%A8%E7%9A%84%E9%AA%8C%E8%AF%81%E7%A0%81"
               "%E6%98%AF%{code}%EF%BC%8C%{minutes}%E5%88%86%E9%92%9F%E5%86%85%E6%9C%89%E6%95%88"
               "%E3%80%82",
        .secret = "KEY",
        .ok = "body=0"};
    world_t *world = *state;

    make(world, dt_send_http_create, &config);
    answer_with(world, 200, "0");
    assert_int_equal(send_it(world, &mainland), DT_SENT);
    assert_string_equal(world->request.method, "GET");
    assert_int_equal(world->request.body.len, 0);
    assert_null(world->request.headers[0].name);
    assert_string_equal(
        world->request.url,
        "https://api.smsbao.com/sms?u=USER&p=KEY&g=GOODS&m=13800138000&c="
        "%E3%80%90%E7%A4%BA%E4%BE%8B%E3%80%91%E6%82%A8%E7%9A%84%E9%AA%8C%E8%AF%81%E7%A0%81"
        "%E6%98%AF123456%EF%BC%8C5%E5%88%86%E9%92%9F%E5%86%85%E6%9C%89%E6%95%88%E3%80%82");
    answer_with(world, 200, "43");
    assert_int_equal(send_it(world, &mainland), DT_SENT_ADMIN);
}

static void a_key_in_a_header_and_success_in_the_body(void **state)
{
    static const dt_sender_pair_t headers[] = {{"X-Api-Key", "%{secret}"}, {NULL, NULL}};
    static const dt_sender_config_t config = {
        .name = "sms",
        .url = "https://gw.example.net/send",
        .secret = "abc",
        .headers = headers,
        JSON,
        .body = "{\"messages\":[{\"recipients\":[\"%{country}%{national}\"],\"sender\":\"ACME\","
                "\"text\":\"【ACME】验证码 %{code}，%{minutes} 分钟内有效\"}]}",
        .ok = "status=200-299 body:/code=0"};
    world_t *world = *state;

    make(world, dt_send_http_create, &config);
    answer_with(world, 200, "{\"code\":0,\"msg\":\"ok\"}");
    assert_int_equal(send_it(world, &mainland), DT_SENT);
    assert_string_equal(header_of(world, "X-Api-Key"), "abc");
    assert_string_equal(world->request.body.data,
                        "{\"messages\":[{\"recipients\":[\"8613800138000\"],\"sender\":\"ACME\","
                        "\"text\":\"【ACME】验证码 123456，5 分钟内有效\"}]}");
    answer_with(world, 200, "{\"code\":7,\"msg\":\"123456 to 13800138000 refused\"}");
    assert_int_equal(send_it(world, &mainland), DT_SENT_ADMIN);
    assert_string_equal(world->detail, "sms: HTTP 200, DingTalkSenderOK body:/code does not hold");
}

/* --- whom it serves --- */

static void the_national_number_alone_is_for_the_mainland(void **state)
{
    static const dt_sender_config_t alone = {.name = "sms",
                                             .url = "https://gw.example/?m=%{national}&c=%{code}"};
    static const dt_sender_config_t with_country = {
        .name = "sms", .url = "https://gw.example/?m=%{country}-%{national}&c=%{code}"};
    world_t *world = *state;

    make(world, dt_send_http_create, &alone);
    assert_int_equal(send_it(world, &hong_kong), DT_SENT_TROUBLE);
    assert_non_null(strstr(world->detail, "sms: is for mainland numbers only"));
    assert_int_equal(world->requests, 0);
    make(world, dt_send_http_create, &with_country);
    assert_int_equal(send_it(world, &hong_kong), DT_SENT);
    assert_string_equal(world->request.url, "https://gw.example/?m=852-51234567&c=000123");
}

/* --- values where they do not belong --- */

static void values_are_escaped_for_where_they_stand(void **state)
{
    static const dt_sender_pair_t headers[] = {{"X-Key", "%{secret}"}, {NULL, NULL}};
    static const dt_sender_config_t config = {.name = "sms",
                                              .url = "https://gw.example/%{secret}?a=%{phone}",
                                              .secret = "a/b\"c &%",
                                              .headers = headers,
                                              JSON,
                                              .body = "{\"s\":\"%{secret}\"}"};
    world_t *world = *state;

    make(world, dt_send_http_create, &config);
    (void)send_it(world, &mainland);
    assert_string_equal(world->request.url,
                        "https://gw.example/a%2Fb%22c%20%26%25?a=%2B8613800138000");
    assert_string_equal(world->request.body.data, "{\"s\":\"a/b\\\"c &%\"}");
    assert_string_equal(header_of(world, "X-Key"), "a/b\"c &%");
}

static void plain_text_is_not_escaped(void **state)
{
    static const dt_sender_config_t config = {URL, .content_type = "text/plain; charset=utf-8",
                                              .body = "%{phone} %{code}"};
    world_t *world = *state;

    make(world, dt_send_http_create, &config);
    (void)send_it(world, &mainland);
    assert_string_equal(world->request.body.data, "+8613800138000 123456");
    assert_string_equal(header_of(world, "Content-Type"), "text/plain; charset=utf-8");
}

static void a_value_that_does_not_fit_is_not_sent(void **state)
{
    static const dt_sender_pair_t headers[] = {{"X-Id", "%{id}"}, {NULL, NULL}};
    static const dt_sender_config_t config = {URL, .headers = headers};
    dt_message_t message = mainland;
    world_t *world = *state;

    message.id = "1\r\nX: y";
    make(world, dt_send_http_create, &config);
    assert_int_equal(send_it(world, &message), DT_SENT_ADMIN);
    assert_string_equal(world->detail, "sms: DingTalkSenderHeader cannot be filled");
    assert_int_equal(world->requests, 0);
}

/* --- replies --- */

static void any_2xx_is_a_success_unless_said_otherwise(void **state)
{
    static const dt_sender_config_t config = {URL};
    world_t *world = *state;

    make(world, dt_send_http_create, &config);
    answer_with(world, 299, "");
    assert_int_equal(send_it(world, &mainland), DT_SENT);
    answer_with(world, 404, "");
    assert_int_equal(send_it(world, &mainland), DT_SENT_ADMIN);
    answer_with(world, 500, "");
    assert_int_equal(send_it(world, &mainland), DT_SENT_UNKNOWN);
}

static void a_call_that_failed_may_have_sent_it(void **state)
{
    static const dt_sender_config_t config = {URL};
    world_t *world = *state;

    make(world, dt_send_http_create, &config);
    world->rv = APR_ECONNREFUSED;
    world->response =
        (dt_http_response_t){.trouble = "the certificate is not valid", .unsent = true};
    assert_int_equal(send_it(world, &mainland), DT_SENT_TROUBLE);
    assert_string_equal(world->detail, "sms: the certificate is not valid");
    world->response.unsent = false;
    assert_int_equal(send_it(world, &mainland), DT_SENT_UNKNOWN);
}

/* --- httpd -t --- */

static void wrong_addresses_are_refused(void **state)
{
    static const mistake_t mistakes[] = {
        {{.name = "sms"}, "DingTalkSenderURL: is missing; "},
        {{.name = "sms", .url = "gw.example"}, "DingTalkSenderURL: must be "},
        {{.name = "sms", .url = "http://gw.example/"}, "DingTalkSenderURL: must be an https URL"},
        {{.name = "sms", .url = "https://u:p@gw.example/"}, "DingTalkSenderURL: must be "},
        {{.name = "sms", .url = "https://%{national}/"}, "DingTalkSenderURL: must have no "},
        {{.name = "sms", .url = "https://gw.example%{id}"}, "DingTalkSenderURL: must have no "},
        {{.name = "sms", .url = "%{secret}://gw.example/"}, "DingTalkSenderURL: must have no "},
        {{.name = "sms", .url = "https://gw.example:%{code}/"}, "DingTalkSenderURL: must have no "},
        {{.name = "sms", .url = "https://gw.example/#%{code}"}, "DingTalkSenderURL: must be plain"},
        {{.name = "sms", .url = "https://gw.example/a b"}, "DingTalkSenderURL: must be plain"},
        {{.name = "sms", .url = "https://gw.example/\xe4"}, "DingTalkSenderURL: must be plain"},
        {{.name = "sms", .url = "https://gw.example\\@x/"}, "DingTalkSenderURL: must be "},
        {{.name = "sms", .url = "https://gw.example/%{signature}"},
         "DingTalkSenderURL: %{signature} is not known here"},
    };
    world_t *world = *state;

    check_mistakes(world->call.pool, dt_send_http_create, mistakes, ROWS(mistakes));
}

static void wrong_bodies_are_refused(void **state)
{
    static const mistake_t mistakes[] = {
        {{URL, .body = "x"}, "DingTalkSenderBody: must have a content type"},
        {{URL, .content_type = "text/", .body = "x"}, "DingTalkSenderBody: must have a content"},
        {{URL, .content_type = "application/xml", .body = "x"}, "DingTalkSenderBody: must have a"},
        {{URL, .content_type = "text/plain\r\nX: y", .body = "x"}, "DingTalkSenderBody: must have"},
        {{URL, JSON, .body = "{\"a\":\"%{cod}\"}"}, "DingTalkSenderBody: %{cod} is not known"},
        {{URL, JSON, .body = "{\"a\":\"%{time}\"}"}, "DingTalkSenderBody: %{time} is not known"},
        {{URL, JSON, .body = "{\"a\":\"%{code\"}"}, "DingTalkSenderBody: %{code"},
        {{URL, JSON, .body = "{\"a\":%{code}}"}, "DingTalkSenderBody: must be JSON"},
        {{URL, JSON, .body = "{\"a\":%{phone}}"}, "DingTalkSenderBody: must be JSON"},
        {{URL, JSON, .body = "{'a':1}"}, "DingTalkSenderBody: must be JSON"},
        {{URL, JSON, .body = "{\"a\":1,\"a\":2}"}, "DingTalkSenderBody: must be JSON"},
        {{URL, JSON, .body = ""}, "DingTalkSenderBody: must be JSON"},
    };
    world_t *world = *state;

    check_mistakes(world->call.pool, dt_send_http_create, mistakes, ROWS(mistakes));
}

static void wrong_headers_and_conditions_are_refused(void **state)
{
    static const dt_sender_pair_t type[] = {{"content-type", "text/plain"}, {NULL, NULL}};
    static const dt_sender_pair_t host[] = {{"Host", "x"}, {NULL, NULL}};
    static const dt_sender_pair_t name[] = {{"X y", "z"}, {NULL, NULL}};
    static const dt_sender_pair_t none[] = {{NULL, "z"}, {NULL, NULL}};
    static const dt_sender_pair_t line[] = {{"X", "y\nZ: 1"}, {NULL, NULL}};
    static const dt_sender_pair_t unknown[] = {{"X", "%{sign}"}, {NULL, NULL}};
    static const dt_sender_pair_t many[] = {{"A", ""}, {"B", ""},   {"C", ""}, {"D", ""}, {"E", ""},
                                            {"F", ""}, {"G", ""},   {"H", ""}, {"I", ""}, {"J", ""},
                                            {"K", ""}, {"L", ""},   {"M", ""}, {"N", ""}, {"O", ""},
                                            {"P", ""}, {NULL, NULL}};
    static const mistake_t mistakes[] = {
        {{URL, .headers = type}, "DingTalkSenderHeader: content-type is written by the module"},
        {{URL, .headers = host}, "DingTalkSenderHeader: Host is written by the module"},
        {{URL, .headers = name}, "DingTalkSenderHeader: must be the name of a header"},
        {{URL, .headers = none}, "DingTalkSenderHeader: must be the name of a header"},
        {{URL, .headers = line}, "DingTalkSenderHeader: must be the name of a header"},
        {{URL, .headers = unknown}, "DingTalkSenderHeader: %{sign} is not known here"},
        {{URL, .headers = many}, "DingTalkSenderHeader: there are too many"},
        {{URL, .ok = "200"}, "DingTalkSenderOK: \"200\" must be status=NUMBERS"},
        {{URL, .ok = ""}, "DingTalkSenderOK: must have a word"},
    };
    world_t *world = *state;

    check_mistakes(world->call.pool, dt_send_http_create, mistakes, ROWS(mistakes));
}

static void as_many_headers_as_a_request_has_room_for_are_sent(void **state)
{
    dt_sender_pair_t headers[DT_HTTP_HEADERS] = {{NULL, NULL}};
    dt_sender_config_t config = {URL, .headers = headers, JSON, .body = "{}"};
    world_t *world = *state;

    for (int i = 0; i < DT_HTTP_HEADERS - 1; i++) {
        headers[i] = (dt_sender_pair_t){"X", "y"};
    }
    make(world, dt_send_http_create, &config);
    assert_int_equal(send_it(world, &mainland), DT_SENT);
    assert_string_equal(world->request.headers[DT_HTTP_HEADERS - 1].name, "X");
}

static void a_secret_that_is_used_must_be_there_at_the_start(void **state)
{
    static const dt_sender_pair_t bearer[] = {{"Authorization", "Bearer %{secret}"}, {NULL, NULL}};
    static const dt_sender_pair_t signed_one[] = {{"X-Signature", "%{signature}"}, {NULL, NULL}};
    const dt_sender_pair_t *const used[] = {bearer, signed_one};
    world_t *world = *state;

    for (size_t i = 0; i < ROWS(used); i++) {
        dt_sender_config_t config = {URL, .headers = used[i]};
        const char *wrong;

        assert_null(dt_send_http_create(world->call.pool, &config, NULL, &world->sender));
        wrong = dt_send_http_create(world->call.pool, &config, &world->http, &world->sender);
        assert_ptr_equal(strstr(wrong, "DingTalkSenderSecret: is missing; "), wrong);
        config.secret = "line\nbreak";
        if (i == 0) {
            wrong = dt_send_http_create(world->call.pool, &config, &world->http, &world->sender);
            assert_ptr_equal(strstr(wrong, "DingTalkSenderHeader: cannot be filled"), wrong);
            assert_null(strstr(wrong, "break"));
        }
    }
}

static void plain_http_reaches_this_machine_only(void **state)
{
    static const dt_sender_config_t config = {.name = "sms", .url = "http://127.0.0.1:81/%{code}"};
    world_t *world = *state;

    make(world, dt_send_http_create, &config);
    (void)send_it(world, &mainland);
    assert_string_equal(world->request.url, "http://127.0.0.1:81/123456");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_form_with_basic_authorization),
        WITH_WORLD(json_with_a_bearer_token),
        WITH_WORLD(json_with_a_signature_over_time_and_body),
        WITH_WORLD(everything_in_the_url_and_a_plain_text_answer),
        WITH_WORLD(a_key_in_a_header_and_success_in_the_body),
        WITH_WORLD(the_national_number_alone_is_for_the_mainland),
        WITH_WORLD(values_are_escaped_for_where_they_stand),
        WITH_WORLD(plain_text_is_not_escaped),
        WITH_WORLD(a_value_that_does_not_fit_is_not_sent),
        WITH_WORLD(any_2xx_is_a_success_unless_said_otherwise),
        WITH_WORLD(a_call_that_failed_may_have_sent_it),
        WITH_WORLD(wrong_addresses_are_refused),
        WITH_WORLD(wrong_bodies_are_refused),
        WITH_WORLD(wrong_headers_and_conditions_are_refused),
        WITH_WORLD(as_many_headers_as_a_request_has_room_for_are_sent),
        WITH_WORLD(a_secret_that_is_used_must_be_there_at_the_start),
        WITH_WORLD(plain_http_reaches_this_machine_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
