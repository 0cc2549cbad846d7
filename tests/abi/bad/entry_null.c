/* SPDX-License-Identifier: Apache-2.0 */
/* entry_null: the entry returns NULL. */
#include "common.h"

const struct scst_plugin *scst_plugin_entry(void) {
    return NULL;
}
