/* SPDX-License-Identifier: Apache-2.0 */
/* no_name: the name is NULL. */
#include "common.h"

const struct scst_plugin *scst_plugin_entry(void) {
    static const struct scst_plugin descriptor = {
        .magic = SCST_PLUGIN_MAGIC,
        .abi_version = SCST_ABI_VERSION,
        .struct_size = sizeof(struct scst_plugin),
        .name = NULL,
        .version = "1",
        .license = "Apache-2.0",
        .summary = "refused",
        .init = start_without_anything,
    };
    return &descriptor;
}
