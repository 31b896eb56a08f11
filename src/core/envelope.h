/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope of DingTalk's pushes, and of the answers to them. */
#ifndef DT_CORE_ENVELOPE_H
#define DT_CORE_ENVELOPE_H

#include "core/dt.h"

/*
 * Source: DingTalk's open platform documentation, "Encryption and decryption of callback events".
 *
 * The plaintext is
 *
 *     random (16) | length of the message (4, big-endian) | message | owner key
 *
 * padded to blocks of 32 bytes as PKCS#7 does it, and encrypted with AES-256-CBC, whose IV is the
 * first half of the key. It travels as base64. Nothing in it proves where it comes from: that is
 * what the signature is for, which must be judged before.
 */

#define DT_ENVELOPE_KEY 32
#define DT_ENVELOPE_RANDOM 16

/**
 * The signature of an envelope: the SHA-1 of token, timestamp, nonce and the envelope, one behind
 * the other in bytewise order.
 * @return lower-case hex, from pool; NULL when OpenSSL refuses
 */
const char *dt_envelope_sign(apr_pool_t *pool, const char *token, const char *timestamp,
                             const char *nonce, const char *envelope);

/** Base64, from pool; NULL when OpenSSL refuses or what is packed is longer than a megabyte. */
const char *dt_envelope_pack(apr_pool_t *pool, const unsigned char key[DT_ENVELOPE_KEY],
                             const unsigned char random[DT_ENVELOPE_RANDOM], dt_slice_t message,
                             dt_slice_t owner);

/**
 * The reverse. Padding to blocks of 16 bytes is understood as well.
 * @param message in pool, as owner is
 * @return NULL, or what is wrong, a constant for the log
 */
const char *dt_envelope_unpack(apr_pool_t *pool, const unsigned char key[DT_ENVELOPE_KEY],
                               const char *envelope, dt_slice_t *message, dt_slice_t *owner);

#endif
