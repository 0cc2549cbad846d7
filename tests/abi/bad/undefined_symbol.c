/* SPDX-License-Identifier: Apache-2.0 */
/* undefined_symbol: needs a function of its host, which a plugin may not. */
#include "common.h"

void scst_function_of_the_daemon(void);

static int32_t start(const struct scst_core *core, struct scst_plugin_ref *plugin, void **self,
                     struct scst_error *error) {
    scst_function_of_the_daemon();
    return start_without_anything(core, plugin, self, error);
}

const struct scst_plugin *scst_plugin_entry(void) {
    static const struct scst_plugin descriptor = {
        .magic = SCST_PLUGIN_MAGIC,
        .abi_version = SCST_ABI_VERSION,
        .struct_size = sizeof(struct scst_plugin),
        .name = "undefined_symbol",
        .version = "1",
        .license = "Apache-2.0",
        .summary = "refused",
        .init = start,
    };
    return &descriptor;
}
