/* SPDX-License-Identifier: Apache-2.0 */
/* The challenge: one verification code on its way to one phone, and what a guess at it may find. */
#ifndef DT_CORE_CHALLENGE_H
#define DT_CORE_CHALLENGE_H

#include "core/bind.h"
#include "core/limit.h"
#include "core/seal.h"

/** DingTalkCode and DingTalkCodeLimit. */
typedef struct dt_code_rules_t {
    int length; /* digits, 4 to 10 */
    apr_interval_time_t lifetime;
    int attempts;
    apr_interval_time_t resend;  /* between two codes to one phone, and for one person; 0: none */
    const dt_limit_t *per_phone; /* each a list up to count 0; or NULL */
    const dt_limit_t *per_address;
    const dt_limit_t *per_person;
} dt_code_rules_t;

/** How one site sends and checks codes. Read-only; any thread. */
typedef struct dt_codes_t {
    const dt_code_rules_t *rules;
    const dt_sender_t *sender; /* the courier: takes as long whether it sends or not */
    const dt_keyring_t *keys;
} dt_codes_t;

/** A code that was asked for: the browser holds this, sealed. */
typedef struct dt_code_asked_t {
    const char *id;     /* of the challenge, DT_CHALLENGE_ID characters */
    const char *masked; /* the phone, as people may see it */
    apr_time_t expires_at;
    apr_time_t resend_at; /* the next code may be asked for from then on */
} dt_code_asked_t;

/**
 * Ask for a code. Counted before it is sent, by person, then address, then phone: whoever is over
 * a limit of their own uses up nothing of a phone's. A phone that belongs to no account, to several
 * or to one that does not count gets a challenge that no code solves and no message, after the same
 * work and the same time, so that nobody learns whose phones are registered; result and asked are
 * the same then. An account's phone gets the message at the number the account has.
 * Audited as "code_sent", or "code_failed" with the reason; a phone of nobody as "code_failed" with
 * "no_account" or "ambiguous". What a gateway says of the number itself, "phone_invalid" or
 * "too_many", is for the audit alone: the person hears CODE_SENT, as for a phone of nobody. A phone
 * that is no number is not audited, nor what stops when the database does.
 *
 * @param country the form's, digits, a plus or 00 before them; NULL or "": DT_PHONE_COUNTRY
 * @param result  why: CODE_SENT (DT_NOTICE, also when it is unknown whether it was sent),
 *                PHONE_INVALID, TOO_MANY, UNAVAILABLE (database or gateway)
 * @param retry_in with TOO_MANY, and with UNAVAILABLE once it was counted: after how long it may
 *                 work; else 0
 * @return APR_SUCCESS; an error exactly with DT_UNSURE
 */
apr_status_t dt_challenge_send(const dt_codes_t *codes, const dt_bind_t *bind,
                               const dt_call_t *call, const dt_member_t *person,
                               const char *country, const char *phone, dt_code_asked_t *asked,
                               apr_interval_time_t *retry_in, dt_result_t *result);

/**
 * Judge one guess. It counts as a try before it is compared, in constant time; of any number of
 * simultaneous guesses at most rules->attempts are judged; a right one is right once. Every key of
 * the ring is tried, so that keys may roll meanwhile. A challenge of another corp or person is
 * none. Spaces and full-width digits in code are forgiven, as in a phone; what is no code of the
 * right length is wrong, and counts. Audited as "code_failed" unless it is right, or no
 * code was asked for at all.
 *
 * @param id         as dt_challenge_send gave it; NULL when no code was asked for
 * @param uid        with SIGNED_IN: the account whose phone it was
 * @param tries_left after this guess; -1 when there is no challenge to guess at
 * @param result     why: SIGNED_IN, CODE_WRONG, CODE_EXPIRED (used, too old, out of tries, or there
 *                   never was one), UNAVAILABLE
 * @return APR_SUCCESS; an error exactly with DT_UNSURE
 */
apr_status_t dt_challenge_guess(const dt_codes_t *codes, const dt_bind_t *bind,
                                const dt_call_t *call, const dt_member_t *person, const char *id,
                                const char *code, const char **uid, int *tries_left,
                                dt_result_t *result);

#endif
