/* SPDX-License-Identifier: Apache-2.0 */
/* The files of our pages: built in, or the administrator's. */
#ifndef DTH_TEMPLATES_H
#define DTH_TEMPLATES_H

#include "core/text.h"

/** What a page may say: index into its values. Each page uses some; those it does not are empty. */
typedef enum dth_value_t {
    /* of both pages */
    DTH_VALUE_LANG, /* "en" or "zh-CN" */
    DTH_VALUE_EN,   /* not empty when the page is to be English */
    DTH_VALUE_ZH,   /* not empty when it is to be Chinese */
    DTH_VALUE_NONCE,
    DTH_VALUE_TITLE,
    DTH_VALUE_TEXT,
    DTH_VALUE_SIGN_IN, /* addresses of links and forms */
    DTH_VALUE_ERROR_ID,
    DTH_VALUE_STYLE,  /* never a value: replaced by style.css when the page is loaded */
    DTH_VALUE_SCRIPT, /* the same, by bind.js */
    /* of message.html */
    DTH_VALUE_GO_ON,
    DTH_VALUE_SIGN_OUT,
    DTH_VALUE_RELOAD,
    /* of bind.html */
    DTH_VALUE_BIND, /* address of the page; its forms go to /code and /verify below */
    DTH_VALUE_CSRF,
    DTH_VALUE_COUNTRY, /* as typed, or the default */
    DTH_VALUE_PHONE,   /* as typed */
    DTH_VALUE_FOCUS_PHONE,
    DTH_VALUE_ASKED,   /* not empty when there is a code to enter */
    DTH_VALUE_SENT_TO, /* the masked phone */
    DTH_VALUE_DIGITS,  /* of a code */
    DTH_VALUE_MINUTES, /* how long a code is good */
    DTH_VALUE_WAIT,    /* seconds to the next code; empty when it may be asked for now */
    DTH_VALUE_WAIT_TEXT,
    DTH_VALUE_FAILED, /* not empty when one of the next three is not */
    DTH_VALUE_PHONE_ERROR,
    DTH_VALUE_CODE_ERROR,
    DTH_VALUE_PROBLEM,
    DTH_VALUES
} dth_value_t;

/** Their names in a page file, up to NULL: for dt_text_page. */
extern const char *const dth_value_names[DTH_VALUES + 1];

/** The pages, ready to be filled. */
typedef struct dth_pages_t {
    const char *message;
    const char *bind;
} dth_pages_t;

/**
 * Load the pages. Start-up only.
 * @param folder the administrator's: message.html, bind.html, style.css and bind.js in it each
 *               replace the built-in file; NULL for none
 * @param pages  in pconf
 * @return NULL, or what is wrong, with file and line
 */
const char *dth_pages_load(apr_pool_t *pconf, const char *folder, dth_pages_t *pages);

#endif
