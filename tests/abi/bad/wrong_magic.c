/* SPDX-License-Identifier: Apache-2.0 */
/* wrong_magic: the first four bytes are not "SCST". */
#include "common.h"

const struct scst_plugin *scst_plugin_entry(void) {
    static const struct scst_plugin descriptor = {
        .magic = 0x4e4f5045u,
        .abi_version = SCST_ABI_VERSION,
        .struct_size = sizeof(struct scst_plugin),
        .name = "wrong_magic",
        .version = "1",
        .license = "Apache-2.0",
        .summary = "refused",
        .init = start_without_anything,
    };
    return &descriptor;
}
