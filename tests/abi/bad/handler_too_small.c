/* SPDX-License-Identifier: Apache-2.0 */
/* handler_too_small: the handler's table ends before its callbacks. */
#include "common.h"

static const struct scst_handler handler = {
    .struct_size = 24,
    .name = "handler_too_small",
    .threads_num = 1,
    .add_device = add_nothing,
    .del_device = del_nothing,
    .exec = exec_nothing,
};

static int32_t start(const struct scst_core *core, struct scst_plugin_ref *plugin, void **self,
                     struct scst_error *error) {
    (void)self;
    return core->register_handler(plugin, &handler, NULL, error);
}

const struct scst_plugin *scst_plugin_entry(void) {
    static const struct scst_plugin descriptor = {
        .magic = SCST_PLUGIN_MAGIC,
        .abi_version = SCST_ABI_VERSION,
        .struct_size = sizeof(struct scst_plugin),
        .name = "handler_too_small",
        .version = "1",
        .license = "Apache-2.0",
        .summary = "refused",
        .init = start,
    };
    return &descriptor;
}
