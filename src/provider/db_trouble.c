/* SPDX-License-Identifier: Apache-2.0 */
/* What a database said, without what must not be in a log. */
#include "provider/db_trouble.h"

#include "core/bytes.h"

#include <apr_escape.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#define TEXT_MAX 300 /* characters that are told */
#define VALUE_MIN 3  /* a shorter value says nothing, and occurs everywhere */
#define PIECE 8      /* bytes of a value that the database has cut off */
#define DIGITS_MIN 5 /* in a row that may be a part of a phone number */
#define ESCAPE 4     /* characters of \xE5, as MySQL writes a byte that it cannot keep */
#define SECRETS 8    /* of parameters, that are looked for */

#define LINE_ENDS "\r\n"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define SPACES " \t\r\n\f\v"
#define MYSQL_ENDS " \r\n\t;|," /* of a parameter, as apr_dbd reads them */

/* Where libpq complains of parameters, it quotes them. */
static const char *const malformed[] = {
    "connection info string", "connection option", "URI",
    "percent-encoded",        "key/value",         "port number"};

/* The line that is told. Nothing is overwritten before everything was looked for: of two values
 * that overlap, one would hide the other and leave the rest of it. */
typedef struct line_t {
    const char *text; /* what the database said, which goes on behind the line */
    apr_size_t len;
    bool masked[TEXT_MAX];
} line_t;

/* --- masking --- */

static void mask(line_t *line, apr_size_t from, apr_size_t len)
{
    for (apr_size_t i = from; i < line->len && i < from + len; i++) {
        line->masked[i] = true;
    }
}

static void mask_each(line_t *line, dt_slice_t value)
{
    for (apr_size_t i = 0; value.len >= VALUE_MIN && i < line->len; i++) {
        if (strncmp(line->text + i, value.data, value.len) == 0) {
            mask(line, i, value.len);
        }
    }
}

/* Databases cut long values off, at their end or around what they complain of. */
static void mask_pieces(line_t *line, const char *value)
{
    const apr_size_t there = strlen(value) < PIECE ? 0 : strnlen(line->text, TEXT_MAX + PIECE);
    char piece[PIECE + 1];

    for (apr_size_t i = 0; i < line->len && i + PIECE <= there; i++) {
        apr_cpystrn(piece, line->text + i, sizeof(piece));
        if (strstr(value, piece)) {
            mask(line, i, PIECE);
        }
    }
}

/* Line by line: of a value with several, the line that is told has at most the first. */
static void mask_value(line_t *line, const char *value)
{
    mask_pieces(line, value);
    while (*value) {
        const dt_slice_t first = {value, strcspn(value, LINE_ENDS)};

        mask_each(line, first);
        value += first.len + strspn(value + first.len, LINE_ENDS);
    }
}

static void mask_digits(line_t *line)
{
    apr_size_t run;

    for (apr_size_t i = 0; i < line->len; i += run ? run : 1) {
        for (run = 0; apr_isdigit(line->text[i + run]); run++) {
        }
        if (run >= DIGITS_MIN) {
            mask(line, i, run);
        }
    }
}

static void mask_escapes(line_t *line)
{
    for (apr_size_t i = 0; i < line->len; i++) {
        const char *at = line->text + i;

        if (at[0] == '\\' && at[1] == 'x' && apr_isxdigit(at[2]) && apr_isxdigit(at[3])) {
            mask(line, i, ESCAPE);
        }
    }
}

const char *dt_db_trouble(apr_pool_t *pool, const char *text, const char *const *values, int count)
{
    line_t line = {.text = text};
    char *shown;

    if (!text || !*text) {
        return "the database does not say what is wrong";
    }
    line.len = strcspn(text, LINE_ENDS);
    line.len = line.len < TEXT_MAX ? line.len : TEXT_MAX;
    for (int i = 0; i < count; i++) {
        if (values[i]) {
            mask_value(&line, values[i]);
        }
    }
    mask_digits(&line);
    mask_escapes(&line);
    shown = dt_loggable(pool, (dt_slice_t){text, line.len}, TEXT_MAX);
    for (apr_size_t i = 0; i < line.len; i++) {
        shown[i] = line.masked[i] ? '*' : shown[i];
    }
    return shown;
}

/* --- secrets of the parameters --- */

typedef struct secrets_t {
    const char *values[SECRETS];
    int count;
} secrets_t;

static void add(secrets_t *secrets, const char *value)
{
    if (value && secrets->count < SECRETS) {
        secrets->values[secrets->count++] = value;
    }
}

/* libpq: in single quotes or up to white space, and a backslash before what is meant as it is. */
static const char *quoted(apr_pool_t *pool, const char *text)
{
    const bool in_quotes = *text == '\'';
    char *value = apr_palloc(pool, strlen(text) + 1);
    apr_size_t len = 0;

    for (text += in_quotes; *text && (in_quotes ? *text != '\'' : !apr_isspace(*text)); text++) {
        text += text[0] == '\\' && text[1];
        value[len++] = *text;
    }
    value[len] = '\0';
    return value;
}

/* As it stands there, and what it says. */
static void add_encoded(secrets_t *secrets, apr_pool_t *pool, const char *text, apr_size_t len)
{
    const char *raw = apr_pstrmemdup(pool, text, len);

    add(secrets, raw);
    add(secrets, apr_punescape_url(pool, raw, NULL, NULL, 0));
}

/* pass=, password=, sslpassword=, whatever is before and behind. */
static void add_named(secrets_t *secrets, apr_pool_t *pool, dt_db_kind_t kind, const char *params,
                      bool uri)
{
    while ((params = strstr(params, "pass")) != NULL) {
        params += strspn(params, LETTERS);
        params += strspn(params, SPACES);
        if (*params != '=') {
            continue;
        }
        params += 1 + strspn(params + 1, SPACES);
        if (uri) {
            add_encoded(secrets, pool, params, strcspn(params, "&"));
        }
        else if (kind == DT_DB_MYSQL) {
            add(secrets, apr_pstrmemdup(pool, params, strcspn(params, MYSQL_ENDS)));
        }
        else {
            add(secrets, quoted(pool, params));
        }
    }
}

/* What is before host: USER:PASSWORD@HOST */
static void add_user(secrets_t *secrets, apr_pool_t *pool, const char *user)
{
    const apr_size_t len = strcspn(user, "@");
    const char *colon = user[len] ? memchr(user, ':', len) : NULL;

    if (colon) {
        add_encoded(secrets, pool, colon + 1, (apr_size_t)(user + len - colon - 1));
    }
}

/* A password with an @ that is not written as %40: what is behind it counts as the host, and is
 * complained of as one. */
static bool has_two_ats(const char *user)
{
    const char *at = strchr(user, '@');

    return at && strchr(at + 1, '@');
}

/* What is behind the scheme of libpq's URI; NULL: these parameters are none. */
static const char *user_of(dt_db_kind_t kind, const char *params)
{
    const char *colon = strstr(params, "://");

    return kind == DT_DB_PGSQL && colon && strncmp(params, "postgres", 8) == 0 ? colon + 3 : NULL;
}

static bool has(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; text && i < count; i++) {
        if (strstr(text, words[i])) {
            return true;
        }
    }
    return false;
}

const char *dt_db_trouble_connecting(apr_pool_t *pool, dt_db_kind_t kind, const char *text,
                                     const char *params)
{
    const char *user = user_of(kind, params);
    secrets_t secrets = {.count = 0};

    if (has(text, malformed, sizeof(malformed) / sizeof(malformed[0])) ||
        (user && has_two_ats(user))) {
        return "the parameters of DingTalkDatabase are malformed";
    }
    if (user) {
        add_user(&secrets, pool, user);
    }
    add_named(&secrets, pool, kind, params, user != NULL);
    return dt_db_trouble(pool, text, secrets.values, secrets.count);
}
