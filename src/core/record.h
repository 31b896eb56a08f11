/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds-checked writing and reading of the small binary records we seal. */
#ifndef DT_CORE_RECORD_H
#define DT_CORE_RECORD_H

#include "core/dt.h"

#include <string.h>

/**
 * Numbers are big-endian. A time is milliseconds since 1970 in six bytes: to the year 10889.
 *
 * A text is its length, its bytes and a NUL that is not counted, so that a reader can hand out C
 * strings that point into the record. A text holds no NUL. A length below 128 is one byte, another
 * two, of which the first has its highest bit set. The longer form of a short length is malformed:
 * what is read has one form, and is written back as it was.
 */
#define DT_RECORD_TIME 6    /* bytes of a time */
#define DT_RECORD_LONG 0x80 /* set in the first byte of a length when there is a second */
#define DT_RECORD_TIME_MAX ((APR_INT64_C(1) << 48) * 1000 - 1) /* the last apr_time_t of a record */
#define DT_RECORD_TEXT_MAX 0x7fff                              /* bytes of a text */

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

/** Fails when text is longer than DT_RECORD_TEXT_MAX or holds a NUL. */
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

/** The length of a text, in its shortest form only. */
static inline apr_size_t dt_read_length(dt_reader_t *r)
{
    apr_size_t len = dt_read_u8(r);

    if (len >= DT_RECORD_LONG) {
        len = (len - DT_RECORD_LONG) << 8 | dt_read_u8(r);
        if (len < DT_RECORD_LONG) {
            dt_reader_fail(r);
        }
    }
    return len;
}

/** A text inside the record: data is a C string. Empty, never NULL, on failure. */
static inline dt_slice_t dt_read_text(dt_reader_t *r)
{
    apr_size_t len = dt_read_length(r);
    const char *text = (const char *)dt_reader_take(r, len + 1);

    /*
     * The first NUL must be the terminator: then C and we agree on where the text ends. strlen
     * stays in the record, because the terminator is looked at first.
     */
    if (!text || text[len] != '\0' || strlen(text) != len) {
        dt_reader_fail(r);
        return (dt_slice_t){"", 0};
    }
    return (dt_slice_t){text, len};
}

#endif
