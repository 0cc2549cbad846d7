/* SPDX-License-Identifier: Apache-2.0 */
/* abi_version_99: built for an ABI that this daemon does not know. */
#include "common.h"

const struct scst_plugin *scst_plugin_entry(void) {
    static const struct scst_plugin descriptor = {
        .magic = SCST_PLUGIN_MAGIC,
        .abi_version = 99,
        .struct_size = sizeof(struct scst_plugin),
        .name = "abi_version_99",
        .version = "1",
        .license = "Apache-2.0",
        .summary = "refused",
        .init = start_without_anything,
    };
    return &descriptor;
}
