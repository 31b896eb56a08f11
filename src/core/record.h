/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds-checked writing and reading of the small binary records we seal. */
#ifndef DT_CORE_RECORD_H
#define DT_CORE_RECORD_H

#include "core/dt.h"

#include <string.h>

/**
 * Numbers are big-endian. A time is milliseconds since 1970 in six bytes: to the year 10889.
 *
 * A text is its bytes and a NUL, of which it holds none itself: a reader can hand out C strings
 * that point into the record, and what is read has one form, and is written back as it was. A
 * length beside them would be a byte more in a cookie, which costs every request more than to look
 * for the NUL.
 */
#define DT_RECORD_TIME 6                                       /* bytes of a time */
#define DT_RECORD_TIME_MAX ((APR_INT64_C(1) << 48) * 1000 - 1) /* the last apr_time_t of a record */

/** Writes into a buffer of fixed size; once something did not fit, failed stays true. */
typedef struct dt_writer_t {
    unsigned char *start;
    apr_size_t len;
    apr_size_t max;
    bool failed;
} dt_writer_t;

void dt_writer_init(dt_writer_t *w, unsigned char *buffer, apr_size_t max);

/** Fails when value is above 255. */
void dt_write_u8(dt_writer_t *w, unsigned value);

/** Fails when time is before 1970 or after DT_RECORD_TIME_MAX. */
void dt_write_time(dt_writer_t *w, apr_time_t time);
void dt_write_bytes(dt_writer_t *w, const void *bytes, apr_size_t len);

/** Fails when text holds a NUL. */
void dt_write_text(dt_writer_t *w, dt_slice_t text);

/**
 * Reads a record; once something was missing or malformed, failed stays true and reads give 0.
 * Nothing is left to read then, so that who looks for bytes need not look at failed.
 *
 * Reading is inline: every request reads its session, and calls cost as much as the work.
 */
typedef struct dt_reader_t {
    const unsigned char *at;
    const unsigned char *end;
    bool failed;
} dt_reader_t;

static inline void dt_reader_init(dt_reader_t *r, dt_slice_t record)
{
    /* An empty slice may have no address, and arithmetic on NULL is not defined. */
    const unsigned char *at = (const unsigned char *)(record.len > 0 ? record.data : "");

    *r = (dt_reader_t){at, at + record.len, false};
}

/** True when everything was read, nothing is left and nothing failed. */
static inline bool dt_reader_done(const dt_reader_t *r)
{
    return !r->failed && r->at == r->end;
}

/** What is read turned out to be malformed. */
static inline void dt_reader_fail(dt_reader_t *r)
{
    r->at = r->end;
    r->failed = true;
}

/** The next len bytes, inside the record; NULL when they are not there. */
static inline const unsigned char *dt_reader_take(dt_reader_t *r, apr_size_t len)
{
    const unsigned char *at = r->at;

    if (len > (apr_size_t)(r->end - at)) {
        dt_reader_fail(r);
        return NULL;
    }
    r->at += len;
    return at;
}

static inline unsigned dt_read_u8(dt_reader_t *r)
{
    const unsigned char *at = dt_reader_take(r, 1);

    return at ? *at : 0;
}

static inline apr_time_t dt_read_time(dt_reader_t *r)
{
    const unsigned char *at = dt_reader_take(r, DT_RECORD_TIME);
    apr_uint32_t high, low;

    if (!at) {
        return 0;
    }
    high = (apr_uint32_t)at[0] << 8 | at[1];
    low = (apr_uint32_t)at[2] << 24 | (apr_uint32_t)at[3] << 16 | (apr_uint32_t)at[4] << 8 | at[5];
    return ((apr_time_t)high << 32 | low) * (APR_USEC_PER_SEC / 1000);
}

/** Copies len bytes to out; out is zeroed when they are not there. */
static inline void dt_read_bytes(dt_reader_t *r, void *out, apr_size_t len)
{
    const unsigned char *at = dt_reader_take(r, len);

    if (at) {
        memcpy(out, at, len);
    }
    else {
        memset(out, 0, len);
    }
}

/** A text inside the record: data is a C string. Empty, never NULL, on failure. */
static inline dt_slice_t dt_read_text(dt_reader_t *r)
{
    const unsigned char *text = r->at;
    const unsigned char *end = memchr(text, '\0', (apr_size_t)(r->end - text));

    if (!end) {
        dt_reader_fail(r);
        return (dt_slice_t){"", 0};
    }
    r->at = end + 1;
    return (dt_slice_t){(const char *)text, (apr_size_t)(end - text)};
}

#endif
