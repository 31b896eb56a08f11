/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds-checked writing and reading of the small binary records we seal. */
#ifndef DT_CORE_RECORD_H
#define DT_CORE_RECORD_H

#include "core/dt.h"

/**
 * Numbers are big-endian. A text is a two-byte length, its bytes and a NUL that is not counted,
 * so that a reader can hand out C strings that point into the record. A text holds no NUL.
 */

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
void dt_write_u64(dt_writer_t *w, apr_uint64_t value);

/** Milliseconds since 1970 as a u64. Fails when time is before that. */
void dt_write_time(dt_writer_t *w, apr_time_t time);
void dt_write_bytes(dt_writer_t *w, const void *bytes, apr_size_t len);

/** Fails when text is longer than 65535 bytes or holds a NUL. */
void dt_write_text(dt_writer_t *w, dt_slice_t text);

/** Reads a record; once something was missing or malformed, failed stays true and reads give 0. */
typedef struct dt_reader_t {
    const unsigned char *at;
    const unsigned char *end;
    bool failed;
} dt_reader_t;

void dt_reader_init(dt_reader_t *r, dt_slice_t record);
unsigned dt_read_u8(dt_reader_t *r);
apr_uint64_t dt_read_u64(dt_reader_t *r);

/** Fails when it is later than an apr_time_t can say. */
apr_time_t dt_read_time(dt_reader_t *r);

/** Copies len bytes to out; out is zeroed when they are not there. */
void dt_read_bytes(dt_reader_t *r, void *out, apr_size_t len);

/** A text inside the record: data is a C string. Empty, never NULL, on failure. */
dt_slice_t dt_read_text(dt_reader_t *r);

/** True when everything was read, nothing is left and nothing failed. */
bool dt_reader_done(const dt_reader_t *r);

#endif
