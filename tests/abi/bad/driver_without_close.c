/* SPDX-License-Identifier: Apache-2.0 */
/* driver_without_close: the target driver lacks required callbacks. */
#include "common.h"

static const struct scst_target_driver driver = {
    .struct_size = sizeof(struct scst_target_driver),
    .flags = SCST_DRIVER_NO_ENABLED,
    .name = "driver_without_close",
};

static int32_t start(const struct scst_core *core, struct scst_plugin_ref *plugin, void **self,
                     struct scst_error *error) {
    (void)self;
    return core->register_target_driver(plugin, &driver, NULL, error);
}

const struct scst_plugin *scst_plugin_entry(void) {
    static const struct scst_plugin descriptor = {
        .magic = SCST_PLUGIN_MAGIC,
        .abi_version = SCST_ABI_VERSION,
        .struct_size = sizeof(struct scst_plugin),
        .name = "driver_without_close",
        .version = "1",
        .license = "Apache-2.0",
        .summary = "refused",
        .init = start,
    };
    return &descriptor;
}
