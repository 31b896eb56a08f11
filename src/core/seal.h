/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: authenticated encryption of what we hand to a browser and take back. */
#ifndef DT_CORE_SEAL_H
#define DT_CORE_SEAL_H

#include "core/dt.h"

#include <apr_errno.h>

/**
 * Format of a token, before base64url without padding (RFC 4648, section 5):
 *
 *     version (1 byte, 1) | key id (4) | nonce (12, random) | ciphertext | tag (16)
 *
 * AES-256-GCM (NIST SP 800-38D); additional data: host of the call | version | key id, the last
 * two of fixed length, so that no two hosts give the same bytes. The key is HKDF-SHA256 (RFC 5869)
 * of the administrator's key text with the owner as salt and the purpose's name as info, so that
 * what was sealed for one owner or purpose never opens for another; the key id is derived the same
 * way and reveals nothing about the key.
 */

/** What a token is for; each has a key of its own. */
typedef enum dt_purpose_t {
    DT_SEAL_SESSION,
    DT_SEAL_TICKET,
    DT_SEAL_BIND,
    DT_SEAL_HANDLE, /* names an entry of a session store */
    DT_SEAL_PURPOSES
} dt_purpose_t;

#define DT_KEY_TEXT_MIN 32  /* bytes a key text must have */
#define DT_SEAL_OVERHEAD 33 /* bytes a token is longer than its content, before base64url */
#define DT_SEAL_MAX 8192    /* characters of a token; a longer one is not looked at */

typedef struct dt_keyring_t dt_keyring_t;

/**
 * Derive the keys of count key texts. The first seals, all open.
 * owner says whose tokens these are: corp and Client ID. Two owners with the same key text cannot
 * open each other's tokens.
 * Memory of the keys is wiped when pool goes. Call once per configuration; the keyring is
 * read-only afterwards and may be used by all threads.
 * @return APR_SUCCESS; APR_EINVAL when count is 0 or a text is shorter than DT_KEY_TEXT_MIN;
 *         APR_EGENERAL when OpenSSL refuses
 */
apr_status_t dt_keyring_create(apr_pool_t *pool, const dt_slice_t *texts, int count,
                               dt_slice_t owner, dt_keyring_t **keyring);

/** A random number that names the keyring: its address may be another's before. Any thread. */
apr_uint64_t dt_keyring_serial(const dt_keyring_t *keyring);

/**
 * Seal plain for purpose and the call's host.
 * @param token base64url text in call->pool, NUL-terminated
 * @return APR_SUCCESS; APR_ENOSPC when the token would be longer than DT_SEAL_MAX; APR_EGENERAL
 *         when the generator or the cipher fails
 */
apr_status_t dt_seal(const dt_keyring_t *keyring, dt_purpose_t purpose, const dt_call_t *call,
                     dt_slice_t plain, dt_slice_t *token);

/**
 * Open a token sealed for the same purpose and host with any key of the ring.
 * One allocation from call->pool; with a scratch no other and no system call. With call->opened,
 * the token that was opened before it on that connection is recalled and not decrypted again.
 * @param plain the content, in call->pool, NUL-terminated behind its length
 * @return APR_SUCCESS; APR_EACCES for everything that is not such a token, whatever is wrong;
 *         APR_EGENERAL when OpenSSL has no context for us, so that we could not find out
 */
apr_status_t dt_open(const dt_keyring_t *keyring, dt_purpose_t purpose, const dt_call_t *call,
                     dt_slice_t token, dt_slice_t *plain);

/** Whether a token that opens was sealed with the key that seals now, and not with an older one. */
bool dt_seal_is_current(const dt_keyring_t *keyring, dt_slice_t token);

#define DT_MAC_SIZE 32

/**
 * HMAC-SHA256 of data under a key that the ring derives for verification codes alone. index counts
 * the keys of the ring, 0 the one that seals.
 * @return APR_SUCCESS; APR_NOTFOUND when the ring has no such key; APR_EGENERAL when OpenSSL
 *         refuses
 */
apr_status_t dt_keyring_mac(const dt_keyring_t *keyring, int index, dt_slice_t data,
                            unsigned char mac[DT_MAC_SIZE]);

/**
 * Cipher contexts kept for one thread, keyed once and reused for every dt_open. Bounded: the
 * contexts of at most eight keys, the least recently made goes. Not for two threads at a time.
 * The contexts are freed with pool. NULL when memory is gone.
 */
dt_scratch_t *dt_scratch_create(apr_pool_t *pool);

#endif
