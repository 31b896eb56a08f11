/* SPDX-License-Identifier: Apache-2.0 */
/* Pushes for tests: DingTalk's published ones, and such as we seal ourselves. */
#ifndef DT_UNIT_PUSHES_H
#define DT_UNIT_PUSHES_H

#include "core/bytes.h"
#include "core/push.h"
#include "unit.h"

/* A published envelope with everything that it was made of. */
typedef struct vector_t {
    const char *name;
    const char *token;
    const char *owner;
    const char *aes_key;
    const char *timestamp;
    const char *nonce;
    const char *envelope;
    const char *signature;
    const char *random;
    const char *message;
} vector_t;

/*
 * A: DingTalk's documentation, "Configure event push over HTTP". B and C: the repository
 * open-dingtalk/DingTalk-Callback-Crypto. D: the documentation, "Encryption and decryption of
 * callback events". E1 to E3 are ours: a leaver, an answer, and a whole block of padding.
 */
static const vector_t vectors[] = {
    {.name = "A",
     .token = "123456",
     .owner = "dingsnotzck6pm5veliw",
     .aes_key = "1234567890123456789012345678901234567890123",
     .timestamp = "1614767836",
     .nonce = "A7Co0cJLMzIDtMMI",
     .envelope = "YvkvaGe4hQxd3VxRmEty0dVlnCOAqwf56xwTRHDHoOURqhalbmBJQk5FNcRk42Gl5T0YQXZNwpwW"
                 "Sm1xAFJ5ZA==",
     .signature = "9a95a004dd16f5c307e849b994173f76aa26e5eb",
     .random = "dICkEDLj0eb6yAbc",
     .message = "success"},
    {.name = "B",
     .token = "mryue",
     .owner = "ding6ccabc44d2c8d38b",
     .aes_key = "Yue0EfdN5900c1ce5cf6A152c63DDe1808a60c5ecd7",
     .timestamp = "1608001896814",
     .nonce = "WL4PK6yA",
     .envelope = "0vJiX6vliEpwG3U45CtXqi+m8PXbQRARJ8p8BbDuD1EMTDf0jKpQ79QS93qEk7XHpP6u+oTTrd15"
                 "NRPvNvmBKyDCYxxOK+HZeKju4yhELOFchzNukR+t8SB/qk4ROMu3",
     .signature = "03044561471240d4a14bb09372dfcfd4fd0e40cb",
     .random = "l7Y3EcX2CU5w8av3",
     .message = "{\"EventType\":\"check_url\"}"},
    {.name = "C",
     .token = "tokenxxxx",
     .owner = "dingxxxxxx",
     .aes_key = "o1w0aum42yaptlz8alnhwikjd3jenzt9cb9wmzptgus",
     .timestamp = "1605695694141",
     .nonce = "WelUQl6bCqcBa2fM",
     .envelope = "X1VSe9cTJUMZu60d3kyLYTrBq5578ZRJtteU94wG0Q4Uk6E/wQYeJRIC0/UFW5Wkya1Ihz9oXAdL"
                 "lyC9TRaqsQ==",
     .signature = "f36f4ba5337d426c7d4bca0dbcb06b3ddc1388fc",
     .random = "WelUQl6bCqcBa2fM",
     .message = "success"},
    {.name = "D",
     .token = "123456",
     .owner = "suite4xxxxxxxxxxxxxxx",
     .aes_key = "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij",
     .timestamp = "1445827045067",
     .nonce = "nEXhMP4r",
     .envelope = "1a3NBxmCFwkCJvfoQ7WhJHB+iX3qHPsc9JbaDznE1i03peOk1LaOQoRz3+nlyGNhwmwJ3vDMG+Oz"
                 "rHMeiZI7gTRWVdUBmfxjZ8Ej23JVYa9VrYeJ5as7XM/ZpulX8NEQis44w53h1qAgnC3PRzM7Zc/D"
                 "6Ibr0rgUathB6zRHP8PYrfgnNOS9PhSBdHlegK+AGGanfwjXuQ9+0pZcy0w9lQ==",
     .signature = "5a65ceeef9aab2d149439f82dc191dd6c5cbe2c0",
     .random = "hU3bEfGZZewzhG5a",
     .message = "{\"EventType\":\"check_create_suite_url\",\"Random\":\"LPIdSnlF\",\"TestSuit"
                "eKey\":\"suite4xxxxxxxxxxxxxxx\"}"},
    {.name = "E1",
     .token = "t0kenForTests",
     .owner = "dingtestappkey0001",
     .aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
     .timestamp = "1700000000000",
     .nonce = "nonceE1",
     .envelope = "Q3stYC6hdFzMh9T8HCvyDMNGS++gERulG9X/+iwpgzdmkXPmWERbiCofcX8KjIKdTEk63XRG4OIP"
                 "mtULeqhePi0fQCcwqjXRy9XIcygzDCzQRTbldA6BfYBItwzSxnzQ9MjH5Vg6cax/FHwjCLTx+JpX"
                 "YERfIXQAc+RT7qS7LT0wuZiulwA481ZLsdMWkKvplAqv8g33aeuN3qJEsu63DpstdVSbpnOR/OwI"
                 "kYFoaZRSYOS5gYMLICTBfI1yUQ1+ysNIebYYvib1Ov1vr5BQSBJghAs3/dPda1vJxddT7qw=",
     .signature = "d0f233c7a095ccd62af223df2a162756d01f5a4b",
     .random = "0123456789abcdef",
     .message = "{\"EventType\":\"user_leave_org\",\"EventTime\":1700000000000,\"CorpId\":\"d"
                "ingtestcorp0001\",\"BizId\":\"biz-0001\",\"eventId\":\"evt-0001\",\"timeStam"
                "p\":\"1700000000000\",\"userId\":[\"user01\",\"user02\"]}"},
    {.name = "E2",
     .token = "t0kenForTests",
     .owner = "dingtestappkey0001",
     .aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
     .timestamp = "1700000000001",
     .nonce = "nonceE2",
     .envelope = "DpQeJfnf/MGZ/+GTIspwVIrytpxseNieWpwBrdmfR/brf964LVtvBkJl69zSNRcJ6w0NKZoOilgO"
                 "BVdJaGmXLQ==",
     .signature = "fe7a377b85780c970ee1b3a15f880f33d328c84b",
     .random = "fedcba9876543210",
     .message = "success"},
    {.name = "E3",
     .token = "t0kenForTests",
     .owner = "dingtestappkey0001",
     .aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
     .timestamp = "1700000000002",
     .nonce = "nonceE3",
     .envelope = "Q3stYC6hdFzMh9T8HCvyDHDxbrF7f8TfmYxXSN1y2VZsiN+7AGux2UkiSccgVZOOW2EKDfKaHz4P"
                 "b+vPUlt+CmGhAsnioo01Nmd3gr+0RsVaYDzDj2H0XltZfOAKYldj",
     .signature = "a8b89ebef38065a9fc3434c864d3b79d8bb508ee",
     .random = "0123456789abcdef",
     .message = "xxxxxxxxxxxxxxxxxxxxxxxxxx"},
};

/* The subscription that a published push is for. */
static inline dt_subscription_t subscription_of(const vector_t *vector)
{
    dt_subscription_t subscription = {.token = vector->token,
                                      .client_id = vector->owner,
                                      .corp_id = "dingtestcorp0001"};

    assert_row_int(vector->name, dt_push_aes_key(dt_slice(vector->aes_key), subscription.aes_key),
                   APR_SUCCESS);
    return subscription;
}

/* A push as it arrives. */
typedef struct push_t {
    const char *query;
    const char *body;
} push_t;

static inline const char *body_of(apr_pool_t *pool, const char *envelope)
{
    return apr_psprintf(pool, "{\"encrypt\":\"%s\"}", envelope);
}

static inline push_t push_of(apr_pool_t *pool, const vector_t *vector)
{
    return (push_t){apr_psprintf(pool, "signature=%s&timestamp=%s&nonce=%s", vector->signature,
                                 vector->timestamp, vector->nonce),
                    body_of(pool, vector->envelope)};
}

/* A push with any envelope, signed by who knows the token. */
static inline push_t push_signed(apr_pool_t *pool, const dt_subscription_t *subscription,
                                 const char *envelope)
{
    const char *signature =
        dt_envelope_sign(pool, subscription->token, "1700000000000", "n", envelope);

    return (push_t){apr_psprintf(pool, "signature=%s&timestamp=1700000000000&nonce=n", signature),
                    body_of(pool, envelope)};
}

/* A push with any message, sealed by who knows token and key. */
static inline push_t push_sealed(apr_pool_t *pool, const dt_subscription_t *subscription,
                                 dt_slice_t message, const char *owner)
{
    const unsigned char *random = (const unsigned char *)"0123456789abcdef";

    return push_signed(pool, subscription,
                       dt_envelope_pack(pool, subscription->aes_key, random, message,
                                        dt_slice(owner)));
}

#endif
