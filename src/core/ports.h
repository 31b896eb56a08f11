/* SPDX-License-Identifier: Apache-2.0 */
/* The ports: what the core needs from the world, as small structs of functions. */
#ifndef DT_CORE_PORTS_H
#define DT_CORE_PORTS_H

#include "core/dt.h"

#include <apr_errno.h>

/**
 * What every provider has in common. A provider is made while the configuration is read, before
 * the fork, and starts in each child before there are threads.
 */
typedef struct dt_plug_t {
    const char *name;                                      /* as a directive names it */
    void *self;                                            /* the provider's own data */
    apr_status_t (*start)(void *self, apr_pool_t *pchild); /* or NULL when there is nothing to do */
} dt_plug_t;

/* --- http: one outgoing call --- */

#define DT_HTTP_HEADERS 16

typedef struct dt_http_header_t {
    const char *name;
    const char *value; /* "" sends no such header, not even where the client would add its own */
} dt_http_header_t;

typedef struct dt_http_request_t {
    const char *method;                        /* "GET" or "POST" */
    const char *url;                           /* may hold a token in its query: never logged */
    dt_http_header_t headers[DT_HTTP_HEADERS]; /* up to the first NULL name */
    dt_slice_t body;
} dt_http_request_t;

typedef struct dt_http_response_t {
    int status;               /* HTTP status, 0 when there was no reply */
    dt_slice_t body;          /* in call->pool, NUL-terminated behind its length */
    const char *trouble;      /* on failure: what went wrong, a constant without secrets */
    bool unsent;              /* on failure: surely nothing of the request left this machine */
    apr_interval_time_t took; /* from beginning to end, failures too */
} dt_http_response_t;

/**
 * Send one request and wait for the whole reply, within the limits the provider was made with.
 * Never follows a redirect, always verifies TLS. Any thread.
 * @return APR_SUCCESS when a reply arrived, whatever its status; APR_TIMEUP when it took too
 *         long; APR_EBUSY when no connection became free in time; APR_ENOSPC when the reply is
 *         larger than allowed; APR_ECONNREFUSED for every other failure. trouble is set then.
 */
typedef struct dt_http_t {
    dt_plug_t plug;
    apr_status_t (*perform)(void *self, const dt_call_t *call, const dt_http_request_t *request,
                            dt_http_response_t *response);
} dt_http_t;

/* --- tokens: the app token, one per child --- */

#define DT_TOKEN_MAX 2048 /* bytes of a DingTalk token */

/**
 * Fetch a new app token: called by get, by one thread at a time.
 * @param token    in call->pool
 * @param lifetime how long it is good
 * @param result   on failure: why
 */
typedef apr_status_t dt_token_fetch_t(const void *baton, const dt_call_t *call, const char **token,
                                      apr_interval_time_t *lifetime, dt_result_t *result);

typedef struct dt_tokens_t {
    dt_plug_t plug;
    /**
     * The app token, in call->pool. However many threads ask at the same time, one fetches; the
     * others wait for it, and share its failure. Renewed ten minutes before its end, by one
     * thread, while the others go on with the old one. Any thread.
     * @return APR_SUCCESS, or what fetch returned, or APR_TIMEUP when waiting took too long;
     *         result says why
     */
    apr_status_t (*get)(void *self, const dt_call_t *call, dt_token_fetch_t *fetch,
                        const void *baton, const char **token, dt_result_t *result);
    /** Forget token: DingTalk does not take it any more. Another token than that is kept. */
    void (*drop)(void *self, const char *token);
} dt_tokens_t;

/* --- store: what a cookie's token stands for --- */

typedef struct dt_store_t {
    dt_plug_t plug;
    /**
     * The record behind token. Any thread.
     * @return APR_SUCCESS; APR_NOTFOUND when there is none, whatever is wrong with the token;
     *         anything else: could not find out
     */
    apr_status_t (*load)(void *self, const dt_call_t *call, dt_slice_t token, dt_slice_t *record);
    /**
     * Keep record until expiry and return the token that stands for it, NUL-terminated.
     * @param old the token of the same session so far, which the store may go on with; empty for a
     *            new session, which must get a token that nobody can know
     */
    apr_status_t (*save)(void *self, const dt_call_t *call, dt_slice_t old, dt_slice_t record,
                         apr_time_t expiry, dt_slice_t *token);
    /** Forget token; one that is not there is no error. */
    apr_status_t (*drop)(void *self, const dt_call_t *call, dt_slice_t token);
    /**
     * A random number that names a store whose tokens are the sessions themselves: what one was
     * loaded to for a host, it always is, and need not be loaded again. 0: each load asks anew.
     */
    apr_uint64_t serial;
} dt_store_t;

/* --- accounts: the administrator's attribute store --- */

/** One attribute of an account: a column or an LDAP attribute. */
typedef struct dt_account_value_t {
    const char *name;
    const char *value; /* never NULL, never empty */
} dt_account_value_t;

/** An account as its store has it. All in the pool of the call that read it. */
typedef struct dt_account_t {
    const char *key;   /* what names it, in the store's own spelling; becomes REMOTE_USER */
    const char *phone; /* of the phone attribute, as the store writes it; NULL when there is none */
    const dt_account_value_t *values; /* of the wanted attributes those it has, up to a NULL name */
    bool managed; /* made by this module, so that its attributes are kept as DingTalk's */
} dt_account_t;

/** How two values are the same. Bytewise unless it says otherwise; empty is never the same. */
typedef enum dt_match_t {
    DT_MATCH_TEXT,  /* the same bytes, also where the store itself would ignore case */
    DT_MATCH_EMAIL, /* ASCII letters in any case */
    DT_MATCH_PHONE  /* the same number in E.164, whatever the usual spelling in the store */
} dt_match_t;

/** What a search ended with. */
typedef enum dt_found_t { DT_FOUND_NONE, DT_FOUND_ONE, DT_FOUND_SEVERAL } dt_found_t;

/** What is remembered of a person in a corp. */
typedef struct dt_binding_t {
    const char *uid;     /* the account's key; NULL: this person is not bound */
    const char *user_id; /* of the corp, at the last sign-in */
} dt_binding_t;

/** What is to be remembered: this person is this account. */
typedef struct dt_claim_t {
    const char *corp_id;
    const char *union_id;
    const char *user_id;
    const char *uid;    /* the account's key */
    const char *method; /* how it was found out, e.g. "code" */
} dt_claim_t;

/**
 * Every function: any thread; APR_SUCCESS when the store answered, whatever it said; anything else
 * when it could not be asked. Accounts that do not count (DingTalkAccountsFilter, status of our own
 * table, the LDAP URL's filter) are not there.
 */
typedef struct dt_accounts_t {
    dt_plug_t plug;
    /** The account whose attribute is value. *account is set for DT_FOUND_ONE only. */
    apr_status_t (*find)(void *self, const dt_call_t *call, const char *attribute, dt_match_t match,
                         const char *value, dt_account_t *account, dt_found_t *found);
    /** The account with exactly this key; *found is NONE or ONE. */
    apr_status_t (*read)(void *self, const dt_call_t *call, const char *key, dt_account_t *account,
                         dt_found_t *found);
    /**
     * Binding and account of a person in one question, for stores that live where the bindings do;
     * NULL for others. binding->uid is NULL when there is no binding; *found says whether the
     * account is there.
     */
    apr_status_t (*read_bound)(void *self, const dt_call_t *call, const char *corp_id,
                               const char *union_id, dt_binding_t *binding, dt_account_t *account,
                               dt_found_t *found);
    /**
     * Make an account of values (up to a NULL name; the caller leaves out what is empty) and bind
     * the person of claim to it: both, or neither. claim->uid is the key, which is among values.
     * Never changes an account that exists. Whoever asks again because no answer came finds it not
     * created, but bound. NULL for stores that are read only.
     * @param created false when there is an account of that key, whether it counts or not, or when
     *                the person or the key is bound already: then nothing has changed
     */
    apr_status_t (*create)(void *self, const dt_call_t *call, const dt_account_value_t *values,
                           const dt_claim_t *claim, bool *created);
    /**
     * Bring the attributes of a managed account up to date; values up to a NULL name, with the key.
     * An empty value clears its attribute. NULL for stores without managed accounts.
     */
    apr_status_t (*refresh)(void *self, const dt_call_t *call, const dt_account_value_t *values);
} dt_accounts_t;

/* --- memory: bindings, challenges, limits, revocations, audit; exact on every node --- */

/** How dt_memory_t.bind ended. */
typedef enum dt_bound_t {
    DT_BOUND,       /* now, or to this very account before */
    DT_BOUND_TAKEN, /* the account has another person of this corp */
    DT_BOUND_OTHER  /* the person has another account */
} dt_bound_t;

/** One row of the audit; NULL for what is not known. */
typedef struct dt_audit_t {
    const char *what; /* signed_in, bound, refused, code_sent, code_failed */
    const char *corp_id;
    const char *union_id;
    const char *user_id;
    const char *uid;   /* the account */
    const char *phone; /* masked */
    const char *why;   /* name of the reason, or how somebody was bound */
} dt_audit_t;

#define DT_CHALLENGE_ID 32   /* characters: 16 random bytes in hex */
#define DT_CHALLENGE_HASH 64 /* characters: HMAC-SHA256 in hex */

/** A challenge as it is kept. */
typedef struct dt_challenge_t {
    const char *id; /* DT_CHALLENGE_ID characters; known to one browser only */
    const char *corp_id;
    const char *union_id;
    const char *uid;  /* the account whose phone it is; NULL: of nobody, no code is right */
    const char *hash; /* of the code, keyed; DT_CHALLENGE_HASH characters */
    apr_time_t expires_at;
} dt_challenge_t;

/** An event of DingTalk's that has arrived, and what is to be done about it. */
typedef struct dt_arrival_t {
    const char *corp_id;
    const char *key;  /* one per event and corp: event.h */
    const char *text; /* what dt_event_read reads; NULL: there is nothing to do about it */
    apr_time_t arrived_at;
} dt_arrival_t;

/** Takes a revocation: its subject as text (revoke.h). */
typedef void dt_revocation_take_t(void *baton, const char *subject, apr_time_t not_before);

/**
 * Every function: any thread; APR_SUCCESS when done or found out; anything else when the database
 * could not be asked: then nothing may be concluded. Times are call->now. Each is atomic, on all
 * nodes that share the database.
 */
typedef struct dt_memory_t {
    dt_plug_t plug;
    /** The binding of a person; uid is NULL when there is none. */
    apr_status_t (*binding)(void *self, const dt_call_t *call, const char *corp_id,
                            const char *union_id, dt_binding_t *binding);
    /** Bind the person to the account, unless either is bound otherwise in this corp. */
    apr_status_t (*bind)(void *self, const dt_call_t *call, const dt_claim_t *claim,
                         dt_bound_t *bound);
    /** A row of the audit; for "signed_in" also userid and last_login_at of the binding. */
    apr_status_t (*audit)(void *self, const dt_call_t *call, const dt_audit_t *entry);
    /**
     * The value kept under subject, "" when there is none, and its version for store_limit.
     */
    apr_status_t (*load_limit)(void *self, const dt_call_t *call, const char *subject,
                               const char **value, apr_int64_t *version);
    /**
     * Replace it, if nobody has since load_limit; it may be forgotten after expires_at.
     * @return APR_SUCCESS; APR_EAGAIN when somebody has: load it again
     */
    apr_status_t (*store_limit)(void *self, const dt_call_t *call, const char *subject,
                                const char *value, apr_int64_t version, apr_time_t expires_at);
    /** Keep a new challenge. */
    apr_status_t (*add_challenge)(void *self, const dt_call_t *call,
                                  const dt_challenge_t *challenge);
    /**
     * Count one try at a challenge that is alive: not used, not expired, fewer than max tries.
     * @param challenge NULL for none; else as it is kept
     * @param tries     with this one
     * @return APR_SUCCESS with *alive true exactly when this try may be judged
     */
    apr_status_t (*try_challenge)(void *self, const dt_call_t *call, const char *id, int max,
                                  dt_challenge_t *challenge, int *tries, bool *alive);
    /** Use it up. *first is true for exactly one caller, ever. */
    apr_status_t (*use_challenge)(void *self, const dt_call_t *call, const char *id, bool *first);
    /**
     * Tell all nodes that sessions of subject that began at or before not_before are dead. It may
     * be forgotten after expires_at.
     */
    apr_status_t (*add_revocation)(void *self, const dt_call_t *call, const char *subject,
                                   apr_time_t not_before, apr_time_t expires_at);
    /**
     * Take all revocations behind the one with id after (0: all) that have not expired, in the
     * order of their ids. An id is given before its row can be seen: a lower one may come after a
     * higher one. On failure some may have been taken, or taken twice.
     * @param last the highest id; after when there is none
     */
    apr_status_t (*read_revocations)(void *self, const dt_call_t *call, apr_int64_t after,
                                     dt_revocation_take_t *take, void *baton, apr_int64_t *last);
    /** Delete some of those that have expired. */
    apr_status_t (*forget_revocations)(void *self, const dt_call_t *call);

    /* Events: what is to be done is not lost when whoever does it dies. */

    /**
     * Remember an event, and what is to be done about it.
     * @param expires_at when its key may be forgotten
     * @param first      true for exactly one caller of a key in a corp: nothing was changed for the
     *                   others. Whoever asks again because no answer came may find it not first,
     *                   but there
     */
    apr_status_t (*add_event)(void *self, const dt_call_t *call, const dt_arrival_t *event,
                              apr_time_t expires_at, bool *first);
    /**
     * The oldest event of the corp about which something is to be done. Nobody else gets it before
     * until, by which it is done or whoever took it has died.
     * @param event corp_id is NULL when there is none
     */
    apr_status_t (*take_event)(void *self, const dt_call_t *call, const char *corp_id,
                               apr_time_t until, dt_arrival_t *event);
    /** Nothing more is to be done about it; its key is remembered. */
    apr_status_t (*finish_event)(void *self, const dt_call_t *call, const dt_arrival_t *event);

    /* Members: their records as they were last read, and whose are to be read again. */

    /**
     * Remember a member record that was read just now.
     * @param dept_ids decimal, comma-separated; NULL when there are none
     * @param taken    until of take_member; 0 when it was not taken. Whoever wanted the record to
     *                 be read after it was taken still gets it read
     */
    apr_status_t (*store_member)(void *self, const dt_call_t *call, const char *corp_id,
                                 const char *user_id, const char *dept_ids, const char *record,
                                 apr_time_t taken);
    /** The record that is remembered; NULL when there is none. */
    apr_status_t (*load_member)(void *self, const dt_call_t *call, const char *corp_id,
                                const char *user_id, const char **record);
    /** Forget a member, unless the record was read after not_before: whoever came back since. */
    apr_status_t (*forget_member)(void *self, const dt_call_t *call, const char *corp_id,
                                  const char *user_id, apr_time_t not_before);
    /**
     * Have a member's record read now, whether it is remembered or not.
     * @param since 0: in any case, also if somebody is reading it right now. Else only if it was
     *              last read before, and nobody is at it: at most one reading for all who ask
     */
    apr_status_t (*want_member)(void *self, const dt_call_t *call, const char *corp_id,
                                const char *user_id, apr_time_t since);
    /**
     * Have all members read that are remembered.
     * @param dept_ids only those of one of these departments, up to NULL; NULL: all of the corp
     */
    apr_status_t (*want_members)(void *self, const dt_call_t *call, const char *corp_id,
                                 const char *const *dept_ids);
    /**
     * A member whose record is to be read; nobody else gets it before until, when it is there again
     * unless store_member was called, or forget_member has forgotten it.
     * @param user_id NULL when there is none
     */
    apr_status_t (*take_member)(void *self, const dt_call_t *call, const char *corp_id,
                                apr_time_t until, const char **user_id);
    /** Delete some keys of events that have expired, and members last read before unread_since. */
    apr_status_t (*forget_events)(void *self, const dt_call_t *call, apr_time_t unread_since);
} dt_memory_t;

/* --- revoker: how the core ends sessions --- */

typedef struct dt_revoker_t {
    dt_plug_t plug;
    /** Sessions of subject (text, revoke.h) that began at or before not_before are dead in this
     *  httpd from now on. Never fails, calls nobody. Any thread. */
    void (*here)(void *self, const dt_call_t *call, const char *subject, apr_time_t not_before);
    /**
     * The same, and all other nodes will know.
     * @return APR_SUCCESS; anything else when they could not be told: ask again
     */
    apr_status_t (*everywhere)(void *self, const dt_call_t *call, const char *subject,
                               apr_time_t not_before);
} dt_revoker_t;

/* --- sender: one verification code on its way to one phone --- */

/** What is sent, as templates know it. */
typedef struct dt_message_t {
    const char *phone;    /* E.164 */
    const char *country;  /* digits */
    const char *national; /* digits */
    const char *code;
    const char *minutes; /* how long the code is good */
    const char *id;      /* unique per message: letters and digits */
} dt_message_t;

/** What became of it. */
typedef enum dt_sent_t {
    DT_SENT,         /* accepted */
    DT_SENT_UNKNOWN, /* it may have been sent: nobody else must send it again */
    DT_SENT_PHONE,   /* not sent: the gateway does not take this number; the person's */
    DT_SENT_OFTEN,   /* not sent: too often to this number; the person's, who has to wait */
    DT_SENT_ADMIN,   /* not sent: the administrator has to do something */
    DT_SENT_TROUBLE  /* not sent: nobody's fault, and another may do it */
} dt_sent_t;

typedef struct dt_sender_t {
    dt_plug_t plug;
    /**
     * Send one message. Any thread.
     * @param message NULL: send nothing, but take as long and look the same (only for the sender
     *                that stands in front of the others, courier.h)
     * @param detail  for the log: sender, HTTP status, the gateway's code; no number, no secret
     */
    dt_sent_t (*send)(void *self, const dt_call_t *call, const dt_message_t *message,
                      const char **detail);
} dt_sender_t;

#endif
