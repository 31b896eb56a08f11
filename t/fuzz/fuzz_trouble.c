/* SPDX-License-Identifier: Apache-2.0 */
/* What a database says of its trouble: no value of the statement and no password gets into the log.
 * The first byte says what failed: s a statement, p and u a connection of PostgreSQL, its
 * parameters words or a URI, w one whose URI has the password as it is, m one of MySQL, r one whose
 * parameters are any. Then come, with NULs between them, what the database said and up to eight
 * values, of which the first is the password; $1 in what it said is the first value, ~1 the middle
 * half of it. */
#include "provider/db_trouble.h"

#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VALUES 8
#define TEXT_MAX 300
#define VALUE_MIN 3
#define PIECE 8
#define DIGITS_MIN 5

static const char is_malformed[] = "the parameters of DingTalkDatabase are malformed";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* --- what must hold, told without the code under test --- */

/* None of text from from on is in shown, as far as that goes. */
static void must_be_masked(const char *shown, size_t from, size_t len)
{
    for (size_t i = from; i < from + len && i < strlen(shown); i++) {
        must(shown[i] == '*');
    }
}

/* Neither of the whole, nor of pieces of that length, is anything told. */
static void check_piece(const char *text, const char *shown, const char *piece, size_t len)
{
    for (size_t i = 0; i < strlen(shown); i++) {
        if (strncmp(text + i, piece, len) == 0) {
            must_be_masked(shown, i, len);
        }
    }
}

static void check_value(apr_pool_t *pool, const char *text, const char *shown, const char *value)
{
    char *rest = apr_pstrdup(pool, value);
    char *state;
    char *line = apr_strtok(rest, "\r\n", &state);

    for (size_t i = 0; i + PIECE <= strlen(value); i++) {
        check_piece(text, shown, value + i, PIECE);
    }
    for (; line; line = apr_strtok(NULL, "\r\n", &state)) {
        if (strlen(line) >= VALUE_MIN) {
            check_piece(text, shown, line, strlen(line));
            /* Where masks and bytes that are not printed cannot be taken for the value. */
            must(strpbrk(line, "*?") || !strstr(shown, line));
        }
    }
}

/* A byte as MySQL writes one that it cannot keep. */
static bool is_escape(const char *text)
{
    return text[0] == '\\' && text[1] == 'x' && apr_isxdigit(text[2]) && apr_isxdigit(text[3]);
}

/* It is the first line, printable, and what is not masked is as the database said it. */
static void check_line(const char *text, const char *shown, bool has_secrets)
{
    const size_t line = strcspn(text, "\r\n");
    const size_t len = strlen(shown);
    size_t run = 0;

    must(len == (line < TEXT_MAX ? line : TEXT_MAX));
    for (size_t i = 0; i < len; i++) {
        must(shown[i] >= 0x20 && shown[i] < 0x7f);
        must(shown[i] == text[i] || shown[i] == '*' || (shown[i] == '?' && !apr_isprint(text[i])));
        run = apr_isdigit(shown[i]) ? run + 1 : 0;
        must(run < DIGITS_MIN && !is_escape(shown + i));
        has_secrets = has_secrets || is_escape(text + i) || apr_isdigit(text[i]);
        must(has_secrets || text[i] == '*' || shown[i] != '*');
    }
}

static void check(apr_pool_t *pool, const char *text, const char *shown, const char *const *values,
                  int count)
{
    bool has_values = false;

    if (!*text) {
        must(strcmp(shown, "the database does not say what is wrong") == 0);
        return;
    }
    for (int i = 0; i < count; i++) {
        has_values = has_values || values[i];
    }
    check_line(text, shown, has_values);
    for (int i = 0; i < count; i++) {
        if (values[i]) {
            check_value(pool, text, shown, values[i]);
        }
    }
}

/* --- parameters with a password, in each way --- */

/* As libpq has it: in quotes, with backslashes. */
static const char *in_words(apr_pool_t *pool, const char *password)
{
    char *out = apr_palloc(pool, 2 * strlen(password) + 1);
    size_t len = 0;

    for (; *password; password++) {
        if (*password == '\'' || *password == '\\') {
            out[len++] = '\\';
        }
        out[len++] = *password;
    }
    out[len] = '\0';
    return apr_pstrcat(pool, "host=db user=a password='", out, "' dbname=d", NULL);
}

static const char *in_uri(apr_pool_t *pool, const char *password, bool as_user)
{
    static const char digits[] = "0123456789abcdef";
    char *out = apr_palloc(pool, 3 * strlen(password) + 1);
    size_t len = 0;

    for (; *password; password++) {
        const unsigned char c = (unsigned char)*password;

        if (apr_isalnum(c)) {
            out[len++] = *password;
        }
        else {
            out[len++] = '%';
            out[len++] = digits[c >> 4];
            out[len++] = digits[c & 15];
        }
    }
    out[len] = '\0';
    return as_user ? apr_pstrcat(pool, "postgresql://a:", out, "@db/d", NULL)
                   : apr_pstrcat(pool, "postgresql://db/d?password=", out, "&user=a", NULL);
}

static const char *for_mysql(apr_pool_t *pool, const char *password)
{
    return apr_pstrcat(pool, "host=db,user=a,pass=", password, ",dbname=d", NULL);
}

static void check_connecting(apr_pool_t *pool, dt_db_kind_t kind, const char *text,
                             const char *params, const char *password)
{
    const char *shown = dt_db_trouble_connecting(pool, kind, text, params);

    must(strlen(shown) <= TEXT_MAX);
    if (strcmp(shown, is_malformed) != 0) {
        check(pool, text, shown, &password, 1);
    }
}

/* libpq takes for the host what is behind the first @: a part of a password, which it quotes. */
static void check_unencoded(apr_pool_t *pool, const char *text, const char *password)
{
    const char *params = apr_pstrcat(pool, "postgresql://a:", password, "@db/d", NULL);

    check_connecting(pool, DT_DB_PGSQL, text, params, password);
    must(!strchr(password, '@') ||
         strcmp(dt_db_trouble_connecting(pool, DT_DB_PGSQL, text, params), is_malformed) == 0);
}

static void check_password(apr_pool_t *pool, char way, const char *text, const char *password)
{
    switch (way) {
    case 'p':
        check_connecting(pool, DT_DB_PGSQL, text, in_words(pool, password), password);
        break;
    case 'u':
        check_connecting(pool, DT_DB_PGSQL, text, in_uri(pool, password, true), password);
        check_connecting(pool, DT_DB_PGSQL, text, in_uri(pool, password, false), password);
        break;
    case 'w':
        check_unencoded(pool, text, password);
        break;
    case 'm':
        if (!strpbrk(password, " \r\n\t\f\v;|,")) {
            check_connecting(pool, DT_DB_MYSQL, text, for_mysql(pool, password), password);
        }
        break;
    default: /* what is no parameters at all is no harm */
        for (int kind = 0; kind < DT_DB_KINDS; kind++) {
            must(strlen(dt_db_trouble_connecting(pool, (dt_db_kind_t)kind, text, password)) <=
                 TEXT_MAX);
        }
        break;
    }
}

/* --- the input --- */

/* With the values that it mentions, whole or cut off at both ends. */
static const char *said(apr_pool_t *pool, const char *text, const char *const *values, int count)
{
    const char *out = "";

    while (*text) {
        const size_t plain = strcspn(text, "$~");
        const int at = text[plain] ? text[plain + 1] - '1' : -1;

        out = apr_pstrcat(pool, out, apr_pstrmemdup(pool, text, plain), NULL);
        text += plain;
        if (at >= 0 && at < count) {
            const char *value = values[at] ? values[at] : "";
            const size_t len = strlen(value);
            const size_t from = *text == '~' ? len / 4 : 0;

            out = apr_pstrcat(pool, out, apr_pstrmemdup(pool, value + from, len - 2 * from), NULL);
            text += 2;
        }
        else if (*text) {
            out = apr_pstrcat(pool, out, apr_pstrmemdup(pool, text++, 1), NULL);
        }
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *values[VALUES] = {NULL};
    apr_pool_t *pool;
    const char *text;
    const char *end;
    const char *at;
    int count = 0;

    if (size < 1) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    text = apr_pstrmemdup(pool, (const char *)data + 1, size - 1);
    end = text + size - 1;
    for (at = text + strlen(text) + 1; at <= end && count < VALUES; at += strlen(at) + 1) {
        values[count++] = *at ? at : NULL;
    }
    text = said(pool, text, values, count);
    if (data[0] == 's') {
        check(pool, text, dt_db_trouble(pool, text, values, count), values, count);
    }
    else {
        check_password(pool, (char)data[0], text, values[0] ? values[0] : "");
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
