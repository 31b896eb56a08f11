/* SPDX-License-Identifier: Apache-2.0 */
/* The table of reasons, made from why.def. */
#include "core/dt.h"

const dt_why_t dt_whys[DT_WHYS] = {
#define WHY(id, name, what, admin, en_title, en_text, zh_title, zh_text) \
    {name, what, admin, {{en_title, en_text}, {zh_title, zh_text}}},
#include "core/why.def"
#undef WHY
};

dt_result_t dt_result(dt_why_id_t id, const char *detail)
{
    return (dt_result_t){dt_whys[id].what, &dt_whys[id], detail};
}
