/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of the configuration: written down, or fetched from a file, variable or command. */
#include "httpd/secret.h"

#include "core/bytes.h"

#include <apr_env.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include <string.h>

/* The first line of an open file or pipe. */
static const char *first_line(apr_pool_t *p, apr_file_t *file, const char **line)
{
    char *buffer = apr_palloc(p, DTH_SECRET_MAX + 2);
    apr_status_t rv = apr_file_gets(buffer, DTH_SECRET_MAX + 2, file);
    apr_size_t len;

    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return apr_psprintf(p, "could not be read: %pm", &rv);
    }
    len = rv == APR_SUCCESS ? strcspn(buffer, "\r\n") : 0;
    if (len > DTH_SECRET_MAX) {
        return apr_psprintf(p, "has more than %d bytes in its first line", DTH_SECRET_MAX);
    }
    buffer[len] = '\0';
    *line = buffer;
    return NULL;
}

static const char *from_file(apr_pool_t *p, const char *name, const char **line)
{
    const char *path = ap_server_root_relative(p, name);
    const char *wrong;
    apr_file_t *file;
    apr_status_t rv = path == NULL ? APR_EBADPATH
                                   : apr_file_open(&file, path, APR_FOPEN_READ, 0, p);

    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "file %s could not be opened: %pm", name, &rv);
    }
    wrong = first_line(p, file, line);
    apr_file_close(file);
    return wrong == NULL ? NULL : apr_psprintf(p, "file %s %s", name, wrong);
}

static const char *from_command(apr_pool_t *p, const char *command, const char **line)
{
    apr_procattr_t *attributes;
    apr_proc_t process;
    apr_exit_why_e why;
    char **argv;
    const char *wrong;
    int code = -1;
    apr_status_t rv = apr_procattr_create(&attributes, p);

    if (rv == APR_SUCCESS) {
        rv = apr_procattr_io_set(attributes, APR_NO_PIPE, APR_FULL_BLOCK, APR_NO_PIPE);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_cmdtype_set(attributes, APR_PROGRAM_PATH);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_tokenize_to_argv(command, &argv, p);
    }
    if (rv != APR_SUCCESS || argv[0] == NULL) {
        return "exec: needs a command";
    }
    rv = apr_proc_create(&process, argv[0], (const char *const *)argv, NULL, attributes, p);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "command %s could not be started: %pm", argv[0], &rv);
    }
    wrong = first_line(p, process.out, line);
    apr_file_close(process.out);
    apr_proc_wait(&process, &code, &why, APR_WAIT);
    if (wrong != NULL) {
        return apr_psprintf(p, "output of command %s %s", argv[0], wrong);
    }
    /* A command that a signal ended, because we read no more than a line, has said what we need. */
    if (APR_PROC_CHECK_EXIT(why) && code != 0) {
        return apr_psprintf(p, "command %s failed with exit status %d", argv[0], code);
    }
    return NULL;
}

bool dth_secret_is_command(const dth_secret_ref_t *ref)
{
    return strncmp(ref->text, "exec:", 5) == 0;
}

const char *dth_secret_read(apr_pool_t *p, const dth_secret_ref_t *ref, dt_slice_t *value)
{
    const char *line = ref->text, *wrong = NULL;

    if (strncmp(ref->text, "file:", 5) == 0) {
        wrong = from_file(p, ref->text + 5, &line);
    }
    else if (dth_secret_is_command(ref)) {
        wrong = from_command(p, ref->text + 5, &line);
    }
    else if (strncmp(ref->text, "env:", 4) == 0) {
        char *variable = NULL;

        if (apr_env_get(&variable, ref->text + 4, p) != APR_SUCCESS) {
            return apr_psprintf(p, "environment variable %s is not set", ref->text + 4);
        }
        line = apr_pstrndup(p, variable, strcspn(variable, "\r\n"));
    }
    if (wrong != NULL) {
        return wrong;
    }
    if (*line == '\0') {
        return "the secret is empty";
    }
    *value = dt_slice(line);
    return NULL;
}

const char *dth_secret_peek(apr_pool_t *p, const dth_secret_ref_t *ref, dt_slice_t *value)
{
    const char *wrong = NULL;

    *value = (dt_slice_t){NULL, 0};
    if (ref != NULL && !dth_secret_is_command(ref)) {
        wrong = dth_secret_read(p, ref, value);
    }
    return wrong == NULL ? NULL : apr_pstrcat(p, ref->directive, ": ", wrong, NULL);
}
