/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of the big gateways, by published vectors and by some with awkward bytes. */
#include "core/bytes.h"
#include "core/sms_sign.h"
#include "unit.h"

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ACS3_HEADERS \
    "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"

/* --- ACS3-HMAC-SHA256 --- */

static const char *send_sms_with(apr_pool_t *pool, const char *nonce)
{
    const dt_http_header_t headers[] = {{"host", "dysmsapi.aliyuncs.com"},
                                        {"x-acs-action", "SendSms"},
                                        {"x-acs-content-sha256", EMPTY_HASH},
                                        {"x-acs-date", "2026-01-02T03:04:05Z"},
                                        {"x-acs-signature-nonce", nonce},
                                        {"x-acs-version", "2017-05-25"},
                                        {NULL, NULL}};
    const dt_to_sign_t request = {
        "/",
        "OutId=otp-0001&PhoneNumbers=13800138000&SignName=%E9%98%BF%E9%87%8C%E4%BA%91&"
        "TemplateCode=SMS_154950909&TemplateParam=%7B%22code%22%3A%22123456%22%7D",
        headers,
        {NULL, 0}};

    return dt_sign_acs3(pool, "YourAccessKeyId", "YourAccessKeySecret", &request);
}

static void acs3_signs_the_published_example(void **state)
{
    static const dt_http_header_t headers[] = {{"host", "ecs.cn-shanghai.aliyuncs.com"},
                                               {"x-acs-action", "RunInstances"},
                                               {"x-acs-content-sha256", EMPTY_HASH},
                                               {"x-acs-date", "2023-10-26T10:22:32Z"},
                                               {"x-acs-signature-nonce",
                                                "3156853299f313e23d1673dc12e1703d"},
                                               {"x-acs-version", "2014-05-26"},
                                               {NULL, NULL}};
    const dt_to_sign_t request = {
        "/",
        "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai",
        headers,
        {NULL, 0}};

    assert_string_equal(
        dt_sign_acs3(*state, "YourAccessKeyId", "YourAccessKeySecret", &request),
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=" ACS3_HEADERS
        ",Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0");
}

static void acs3_signs_send_sms(void **state)
{
    assert_string_equal(
        send_sms_with(*state, "0123456789abcdef0123456789abcdef"),
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=" ACS3_HEADERS
        ",Signature=03632f3d3a49273741f1781591309e6418ffb23524bcc532432eefe7eb7ec2dd");
}

static void acs3_signs_awkward_characters_and_temporary_keys(void **state)
{
    static const dt_http_header_t headers[] = {{"host", "dysmsapi.aliyuncs.com"},
                                               {"x-acs-accesskey-id", "STS.YourAccessKeyId"},
                                               {"x-acs-action", "SendSms"},
                                               {"x-acs-content-sha256", EMPTY_HASH},
                                               {"x-acs-date", "2026-01-02T03:04:05Z"},
                                               {"x-acs-security-token", "YourSecurityToken=="},
                                               {"x-acs-signature-nonce",
                                                "fedcba9876543210fedcba9876543210"},
                                               {"x-acs-version", "2017-05-25"},
                                               {NULL, NULL}};
    apr_pool_t *pool = *state;
    const dt_to_sign_t request = {
        "/",
        apr_pstrcat(pool, "PhoneNumbers=85251234567&SignName=",
                    dt_percent(pool, DT_SLICE("A+B *测试~(x)!")),
                    "&TemplateCode=SMS_1&TemplateParam=",
                    dt_percent(pool, DT_SLICE("{\"code\":\"000123\",\"app\":\"o'k /=&%\"}")), NULL),
        headers,
        {NULL, 0}};
    const char *got = dt_sign_acs3(pool, "STS.YourAccessKeyId", "YourAccessKeySecret", &request);

    assert_string_equal(strstr(got, ",Signature="),
                        ",Signature="
                        "cfabc9167d03e6426bf2e064aac3832ee23fff1074a3d2016a2461846d55964d");
}

static void acs3_keeps_a_leading_zero_byte(void **state)
{
    const char *got = send_sms_with(*state, "96da2f590cd7246bbde0051047b0d6f7");

    assert_string_equal(strstr(got, ",Signature="),
                        ",Signature="
                        "009444d8cefcc56d1390c902e44fe1e94dcaa0ab36d058044cb5736b12066776");
}

/* --- TC3-HMAC-SHA256 --- */

#define SECRET_ID "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE"
#define SECRET_KEY "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
#define CVM_BODY                                                                        \
    "{\"Limit\": 1, \"Filters\": [{\"Values\": [\"\\u672a\\u547d\\u540d\"], \"Name\": " \
    "\"instance-name\"}]}"
#define SMS_BODY                                                                                  \
    "{\"PhoneNumberSet\":[\"+8613800138000\"],\"SmsSdkAppId\":\"1400006666\",\"SignName\":"       \
    "\"腾讯云\",\"TemplateId\":\"1110\",\"TemplateParamSet\":[\"123456\"],\"SessionContext\":" \
    "\"otp-0001\"}"

/* One vector: what is signed, and the end of the Authorization. */
typedef struct vector_t {
    const char *name;
    const char *secret;
    const char *service;
    const char *content_type;
    const char *host;
    const char *action; /* signed too, in lower case; or NULL */
    const char *body;
    int seconds;
    const char *scope; /* day and service, as the Authorization says them */
    const char *signature;
} vector_t;

#define JSON_UTF8 "application/json; charset=utf-8"
#define CVM "cvm", JSON_UTF8, "cvm.tencentcloudapi.com"
#define SMS_HOST "sms.tencentcloudapi.com"

static const vector_t vectors[] = {
    {"tc3_signs_the_published_example", SECRET_KEY, CVM, NULL, CVM_BODY, 1551113065,
     "2019-02-25/cvm", "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"},
    {"tc3_signs_the_published_example_with_its_action", "********************************", CVM,
     "describeinstances", CVM_BODY, 1551113065, "2019-02-25/cvm",
     "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"},
    {"tc3_signs_send_sms", SECRET_KEY, "sms", JSON_UTF8, SMS_HOST, NULL, SMS_BODY, 1767323045,
     "2026-01-02/sms", "f7e91708d32b781652bcc6e94d1bc3526292eebf80ccb355858457b3c1b481a6"},
    {"tc3_signs_send_sms_with_its_action", SECRET_KEY, "sms", JSON_UTF8, SMS_HOST, "sendsms",
     SMS_BODY, 1767323045, "2026-01-02/sms",
     "8ffea0ec757910a585c6a5ec22d1ac192ed403d28ac7819ae1fae196965a14fc"},
    {"tc3_signs_the_content_type_as_it_is", SECRET_KEY, "sms", "application/json", SMS_HOST, NULL,
     SMS_BODY, 1767323045, "2026-01-02/sms",
     "cad9bce2d82568ef58924255939a34cbc0de7a11acee8036e47f538890d7de5a"},
    {"tc3_keeps_zero_bytes_in_every_key", SECRET_KEY, "sms", JSON_UTF8, SMS_HOST, NULL, SMS_BODY,
     1796342404, "2026-12-04/sms",
     "d8cce92939d965ad8410eb8dd4a925bcdd7a1e42acd0c2c3bb6c4e00b450d5c3"},
};

static void check_tc3(void **state)
{
    const vector_t *v = *state;
    apr_pool_t *pool = pool_made();
    const dt_http_header_t headers[] = {{"content-type", v->content_type},
                                        {"host", v->host},
                                        {v->action ? "x-tc-action" : NULL, v->action},
                                        {NULL, NULL}};
    const dt_to_sign_t request = {"/", "", headers, dt_slice(v->body)};
    const char *expected = apr_pstrcat(pool, "TC3-HMAC-SHA256 Credential=" SECRET_ID "/", v->scope,
                                       "/tc3_request, SignedHeaders=content-type;host",
                                       v->action ? ";x-tc-action" : "",
                                       ", Signature=", v->signature, NULL);

    assert_string_equal(dt_sign_tc3(pool, SECRET_ID, v->secret, v->service,
                                    apr_time_from_sec(v->seconds), &request),
                        expected);
    pool_gone(pool);
}

int main(void)
{
    const struct CMUnitTest acs3[] = {
        WITH_POOL(acs3_signs_the_published_example),
        WITH_POOL(acs3_signs_send_sms),
        WITH_POOL(acs3_signs_awkward_characters_and_temporary_keys),
        WITH_POOL(acs3_keeps_a_leading_zero_byte),
    };
    struct CMUnitTest tc3[ROWS(vectors)];

    for (size_t i = 0; i < ROWS(vectors); i++) {
        tc3[i] = ROW_TEST(&vectors[i], check_tc3, NULL, NULL);
    }
    return cmocka_run_group_tests(acs3, NULL, NULL) + cmocka_run_group_tests(tc3, NULL, NULL);
}
