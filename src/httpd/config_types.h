/* SPDX-License-Identifier: Apache-2.0 */
/* How each kind of directive value is read and merged. */
#ifndef DTH_CONFIG_TYPES_H
#define DTH_CONFIG_TYPES_H

#include "httpd/config.h"

typedef struct dth_row_t dth_row_t;

/** One kind of value. */
typedef struct dth_type_t {
    apr_size_t size; /* of the member */
    apr_size_t unit; /* what is set or not set as a whole; divides size */
    /**
     * Read the words behind a directive into the member.
     * @return NULL, or what is wrong and what is right, without the directive's name
     */
    const char *(*set)(apr_pool_t *p, const dth_row_t *row, void *member, const char *args);
    /** Merge in another way than copying set units; or NULL. */
    void (*merge)(apr_pool_t *p, void *member, const void *base, const void *add);
} dth_type_t;

extern const dth_type_t dth_type_text, dth_type_choice, dth_type_duration, dth_type_timeout,
    dth_type_words, dth_type_secret, dth_type_secrets, dth_type_endpoints, dth_type_params,
    dth_type_line, dth_type_pairs, dth_type_one_or_two, dth_type_two, dth_type_database,
    dth_type_accounts, dth_type_login, dth_type_code, dth_type_limits;

/** Whose member a row is. */
typedef enum dth_scope_t { DTH_IN_SERVER, DTH_IN_DIR, DTH_IN_SENDER } dth_scope_t;

/** One row of config.def. */
struct dth_row_t {
    const char *name;
    const dth_type_t *type;
    apr_size_t offset; /* of the member */
    dth_scope_t scope;
    const void *details;
    const char *fallback;
};

/** A check of one word, for text and words: NULL, or what it must be ("must be" is put before). */
typedef struct dth_check_t {
    const char *(*check)(apr_pool_t *p, const char *word);
} dth_check_t;

extern const dth_check_t dth_is_word, dth_is_number, dth_is_prefix, dth_is_origin, dth_is_attribute,
    dth_is_user_attribute, dth_is_directory, dth_is_cookie_name, dth_is_domain, dth_is_cookie_path,
    dth_is_filter, dth_is_column, dth_is_store;

/** A check of a name and its value, for pairs: NULL, or what is wrong with it. */
typedef struct dth_pair_check_t {
    const char *(*check)(apr_pool_t *p, const dth_pair_t *pair);
    bool can_be_off; /* the one word "off" is an empty list */
} dth_pair_check_t;

extern const dth_pair_check_t dth_is_autobind, dth_is_create;

/**
 * Exactly count words of args, into word.
 * @return NULL, or what is wrong
 */
const char *dth_take_words(apr_pool_t *p, const char *args, int count, const char **word);

/**
 * Take a base URL of an outside service: https, or http to this machine, with an optional path.
 * @param url without trailing slash
 * @return NULL, or what it must be
 */
const char *dth_base_url(apr_pool_t *p, const char *word, const char **url);

/** Limits of a duration. */
typedef struct dth_time_range_t {
    apr_interval_time_t min;
    apr_interval_time_t max;
} dth_time_range_t;

extern const dth_time_range_t dth_some_time, dth_any_time, dth_poll_time;

/**
 * Read a duration: a whole number with ms, s, min or h.
 * @return NULL, or what it must be
 */
const char *dth_parse_time(apr_pool_t *p, const char *word, const dth_time_range_t *range,
                           apr_interval_time_t *time);

/** "a, b or c" of a list of words. */
const char *dth_listed(apr_pool_t *p, const char *const *words);

#endif
